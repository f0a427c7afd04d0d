/// Strips English suffixes (Porter 1980, "An algorithm for suffix stripping") as NLTK's `PorterStemmer` does by
/// default: the paper's steps with Martin Porter's later changes and NLTK's own, which the comments point out.
///
/// Words are lower-case ASCII letters and digits; digits count as consonants.
struct PorterStemmer {
  /// A suffix and what takes its place.
  private struct Rule {
    let suffix: [UInt8]
    let replacement: [UInt8]

    init(_ suffix: String, _ replacement: String) {
      self.suffix = Array(suffix.utf8)
      self.replacement = Array(replacement.utf8)
    }
  }

  /// NLTK's table of irregular forms.
  private static let irregularForms: [[UInt8]: [UInt8]] = {
    let forms = [
      "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning",
      "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning",
      "howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
    ]
    return Dictionary(uniqueKeysWithValues: forms.map { (Array($0.utf8), Array($1.utf8)) })
  }()

  // "bli" where the paper has "abli" is Martin Porter's; "fulli" and "logi" at the end are NLTK's.
  private static let step2Rules = [
    Rule("ational", "ate"), Rule("tional", "tion"), Rule("enci", "ence"), Rule("anci", "ance"), Rule("izer", "ize"),
    Rule("bli", "ble"), Rule("alli", "al"), Rule("entli", "ent"), Rule("eli", "e"), Rule("ousli", "ous"),
    Rule("ization", "ize"), Rule("ation", "ate"), Rule("ator", "ate"), Rule("alism", "al"), Rule("iveness", "ive"),
    Rule("fulness", "ful"), Rule("ousness", "ous"), Rule("aliti", "al"), Rule("iviti", "ive"), Rule("biliti", "ble"),
    Rule("fulli", "ful"), Rule("logi", "log"),
  ]
  private static let step3Rules = [
    Rule("icate", "ic"), Rule("ative", ""), Rule("alize", "al"), Rule("iciti", "ic"), Rule("ical", "ic"),
    Rule("ful", ""), Rule("ness", ""),
  ]
  private static let step4Rules = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
  ].map { Rule($0, "") }

  /// The stem of a lower-case word, as UTF-8.
  func stem(_ word: [UInt8]) -> [UInt8] {
    if let irregular = Self.irregularForms[word] { return irregular }
    guard word.count > 2 else { return word }
    var stem = word
    removePlural(&stem)
    removePastAndProgressive(&stem)
    replaceFinalY(&stem)
    shortenDoubleSuffix(&stem)
    apply(Self.step3Rules, to: &stem) { _, rest in measure(rest) > 0 }
    apply(Self.step4Rules, to: &stem) { rule, rest in
      // "ion" goes only behind s or t.
      measure(rest) > 1 && (rule.suffix != Array("ion".utf8) || rest.last == Self.s || rest.last == Self.t)
    }
    removeFinalE(&stem)
    if ends(stem, "ll"), measure(stem.dropLast()) > 1 { stem.removeLast() }
    return stem
  }

  // MARK: The steps

  /// Step 1a. NLTK: a word of four letters keeps its e (dies, die).
  private func removePlural(_ word: inout [UInt8]) {
    if ends(word, "ies") {
      word.removeLast(word.count == 4 ? 1 : 2)
    } else if ends(word, "sses") {
      word.removeLast(2)
    } else if ends(word, "s"), !ends(word, "ss") {
      word.removeLast()
    }
  }

  /// Step 1b. NLTK: "ied" becomes "ie" in a word of four letters, else "i".
  private func removePastAndProgressive(_ word: inout [UInt8]) {
    if ends(word, "ied") {
      word.removeLast(word.count == 4 ? 1 : 2)
    } else if ends(word, "eed") {
      if measure(word.dropLast(3)) > 0 { word.removeLast() }
    } else if ends(word, "ed"), containsVowel(word.dropLast(2)) {
      word.removeLast(2)
      repairEnding(&word)
    } else if ends(word, "ing"), containsVowel(word.dropLast(3)) {
      word.removeLast(3)
      repairEnding(&word)
    }
  }

  /// The second half of step 1b: what is left of a word after "ed" or "ing" becomes a word again.
  private func repairEnding(_ word: inout [UInt8]) {
    if ends(word, "at") || ends(word, "bl") || ends(word, "iz") {
      word.append(Self.e)
    } else if endsInDoubleConsonant(word) {
      if word.last != Self.l, word.last != Self.s, word.last != Self.z { word.removeLast() }
    } else if measure(word[...]) == 1, endsInShortSyllable(word[...]) {
      word.append(Self.e)
    }
  }

  /// Step 1c in NLTK's form: y becomes i behind a consonant that is not the word's first letter.
  private func replaceFinalY(_ word: inout [UInt8]) {
    guard word.last == Self.y, word.count > 2, consonants(word[...])[word.count - 2] else { return }
    word[word.count - 1] = Self.i
  }

  /// Step 2. NLTK: "alli" goes first, and what it leaves goes through the step again.
  private func shortenDoubleSuffix(_ word: inout [UInt8]) {
    while ends(word, "alli"), measure(word.dropLast(4)) > 0 { word.removeLast(2) }
    apply(Self.step2Rules, to: &word) { rule, rest in
      // NLTK counts the l of "logi" with the stem, so that geologi and theologi are treated alike.
      rule.suffix == Array("logi".utf8) ? measure(rest + [Self.l]) > 0 : measure(rest) > 0
    }
  }

  /// Step 5a.
  private func removeFinalE(_ word: inout [UInt8]) {
    guard word.last == Self.e else { return }
    let rest = word.dropLast()
    let measure = measure(rest)
    if measure > 1 || measure == 1 && !endsInShortSyllable(rest) { word.removeLast() }
  }

  /// Applies the first rule whose suffix the word has, if the condition holds for the rest; no later rule is tried.
  private func apply(_ rules: [Rule], to word: inout [UInt8], if condition: (Rule, ArraySlice<UInt8>) -> Bool) {
    for rule in rules where word.count >= rule.suffix.count && word.suffix(rule.suffix.count) == rule.suffix[...] {
      let rest = word.dropLast(rule.suffix.count)
      if condition(rule, rest) { word = rest + rule.replacement }
      return
    }
  }

  // MARK: The paper's conditions

  private static let e = UInt8(ascii: "e"), i = UInt8(ascii: "i"), l = UInt8(ascii: "l"), s = UInt8(ascii: "s")
  private static let t = UInt8(ascii: "t"), y = UInt8(ascii: "y"), z = UInt8(ascii: "z")

  private func ends(_ word: [UInt8], _ suffix: StaticString) -> Bool {
    suffix.withUTF8Buffer { word.count >= $0.count && word.suffix($0.count).elementsEqual($0) }
  }

  /// For each letter, whether it is a consonant: not a, e, i, o, u, and not y behind a consonant.
  private func consonants(_ word: ArraySlice<UInt8>) -> [Bool] {
    var flags: [Bool] = []
    flags.reserveCapacity(word.count)
    for letter in word {
      switch letter {
      case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"):
        flags.append(false)
      case Self.y: flags.append(!(flags.last ?? false))
      default: flags.append(true)
      }
    }
    return flags
  }

  /// m: how often a consonant follows a vowel.
  private func measure(_ word: ArraySlice<UInt8>) -> Int {
    let flags = consonants(word)
    return zip(flags, flags.dropFirst()).reduce(0) { $0 + (!$1.0 && $1.1 ? 1 : 0) }
  }

  /// *v*
  private func containsVowel(_ word: ArraySlice<UInt8>) -> Bool { consonants(word).contains(false) }

  /// *d
  private func endsInDoubleConsonant(_ word: [UInt8]) -> Bool {
    word.count >= 2 && word[word.count - 1] == word[word.count - 2] && consonants(word[...])[word.count - 1]
  }

  /// *o: consonant, vowel, consonant other than w, x, y. NLTK: also a whole word of vowel and consonant.
  private func endsInShortSyllable(_ word: ArraySlice<UInt8>) -> Bool {
    let flags = consonants(word)
    if flags.count == 2 { return !flags[0] && flags[1] }
    guard flags.count >= 3, let last = word.last else { return false }
    return flags.suffix(3).elementsEqual([true, false, true])
      && last != UInt8(ascii: "w") && last != UInt8(ascii: "x") && last != Self.y
  }
}
