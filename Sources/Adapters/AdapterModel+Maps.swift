import Backbones

extension AdapterModel {
  /// Where the numbers that can train at each of the backbone's maps lie in ``parameters``, ascending: the map's own and
  /// its adapter's. In the backbone's order; without the maps that have none.
  public var mapRanges: [(map: Linear, ranges: [Range<Int>])] {
    let maps = backbone.linears, places = Dictionary(uniqueKeysWithValues: maps.enumerated().map { ($1.path, $0) })
    var ranges: [[Range<Int>]] = Array(repeating: [], count: maps.count)
    for entry in parameters.entries {
      // Of prefix.path.suffix the longest part that is a path.
      var path =
        entry.name.hasPrefix(AdapterPlan.prefix) ? entry.name.dropFirst(AdapterPlan.prefix.count) : entry.name[...]
      while let dot = path.lastIndex(of: ".") {
        path = path[..<dot]
        guard let place = places[String(path)] else { continue }
        ranges[place].append(entry.range)
        break
      }
    }
    return zip(maps, ranges).filter { !$1.isEmpty }.map { ($0, $1) }
  }
}
