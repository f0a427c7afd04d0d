/// The candidate that takes the fewest edits to become `word`, the first of equals; nil if there is none.
///
/// Case does not count unless only case differs. See ``editDistance(_:_:)``.
public func nearest(to word: String, in candidates: [String]) -> String? {
  let lowercased = word.lowercased()
  return candidates.min { editDistance($0.lowercased(), lowercased) < editDistance($1.lowercased(), lowercased) }
}

/// The least number of insertions, deletions, replacements and swaps of neighbours that turn one text into the other,
/// no part edited twice (Damerau-Levenshtein, optimal string alignment).
public func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first)
  let b = Array(second)
  // rows[i % 3][j]: the distance between the first i characters of a and the first j of b.
  var rows = Array(repeating: Array(0...b.count), count: 3)
  for i in 0..<a.count {
    rows[(i + 1) % 3][0] = i + 1
    for j in 0..<b.count {
      let isSame = a[i] == b[j]
      var distance = min(rows[i % 3][j + 1] + 1, rows[(i + 1) % 3][j] + 1, rows[i % 3][j] + (isSame ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        distance = min(distance, rows[(i + 2) % 3][j - 1] + 1)
      }
      rows[(i + 1) % 3][j + 1] = distance
    }
  }
  return rows[a.count % 3][b.count]
}
