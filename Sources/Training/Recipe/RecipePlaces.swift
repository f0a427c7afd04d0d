/// Where a recipe's keys are stated, for faults that show only beside the model. Recipes are equal wherever they state
/// what they say.
struct RecipePlaces: Sendable, Equatable {
  private let places: [String: RecipePlace]

  init(_ places: [String: RecipePlace] = [:]) { self.places = places }

  /// Of one of the recipe's own keys; the recipe as a whole where it is not stated.
  subscript(_ key: String) -> RecipePlace { places[key] ?? .file }

  static func == (_: RecipePlaces, _: RecipePlaces) -> Bool { true }
}
