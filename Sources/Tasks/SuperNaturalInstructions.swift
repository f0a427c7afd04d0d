import Foundation

/// A task file of Super-NaturalInstructions (Wang et al. 2022), in its original schema.
struct SuperNaturalInstructions: Decodable {
  /// A demonstration.
  struct Demonstration: Decodable {
    let input: String
    /// Some files write a list here; its first element counts.
    let output: OneOrMore
    let explanation: String?
  }

  struct Instance: Decodable {
    let id: String?
    let input: String
    let output: OneOrMore
  }

  /// A text or a list of texts.
  struct OneOrMore: Decodable {
    let texts: [String]

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        texts = [text]
      } else {
        texts = try container.decode([String].self)
      }
    }
  }

  let definition: OneOrMore
  let positiveExamples: [Demonstration]
  let negativeExamples: [Demonstration]
  let instances: [Instance]

  enum CodingKeys: String, CodingKey {
    case definition = "Definition"
    case positiveExamples = "Positive Examples"
    case negativeExamples = "Negative Examples"
    case instances = "Instances"
  }
}

/// The prompts of Super-NaturalInstructions, byte for byte as Tk-Instruct's collator builds them: definition, positive
/// examples, negative examples, input. Every part loses the white space at its ends and ends in punctuation.
struct SuperNaturalInstructionsPrompt {
  /// Everything before the instance's own part.
  private let opening: String

  init(_ file: SuperNaturalInstructions, positiveExamples: Int, negativeExamples: Int, explanations: Bool) {
    var text = "Definition: "
    Self.append(file.definition.texts.first ?? "", to: &text)
    text += "\n\n"
    let groups = [
      ("Positive", file.positiveExamples.prefix(max(positiveExamples, 0))),
      ("Negative", file.negativeExamples.prefix(max(negativeExamples, 0))),
    ]
    for (kind, examples) in groups {
      for (index, example) in examples.enumerated() {
        text += " \(kind) Example \(index + 1) -\nInput: "
        Self.append(example.input, to: &text)
        text += "\n Output: "
        Self.append(example.output.texts.first ?? "", to: &text)
        text += "\n"
        if explanations, let explanation = example.explanation {
          text += " Explanation: "
          Self.append(explanation, to: &text)
          text += "\n"
        }
        text += "\n"
      }
    }
    opening = text + "Now complete the following example -\n"
  }

  /// The prompt for one input.
  func source(for input: String) -> String {
    var text = opening + "Input: "
    Self.append(input, to: &text)
    return text + "\nOutput: "
  }

  /// Appends `part` without the white space at its ends, and a full stop where `text` then ends in none of Python's
  /// `string.punctuation` (an empty part counts by what stands before it, as in Tk-Instruct).
  private static func append(_ part: String, to text: inout String) {
    text.unicodeScalars.append(contentsOf: PythonText.strip(part))
    if let last = text.unicodeScalars.last, !PythonText.isPunctuation(last) { text += "." }
  }
}
