/// What of a saved adapter further training changes. The rest keeps its bits.
public enum TrainedPart: String, Sendable, CaseIterable {
  /// Everything.
  case all
  /// The routers alone; with new tasks, of task routers only the new tasks' rows (MHR-z of Caccia et al. 2023).
  case router
  /// What belongs to the new tasks alone: their own experts, their rows of the routers.
  case task
}
