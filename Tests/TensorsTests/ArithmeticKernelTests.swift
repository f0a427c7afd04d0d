import CKernels
import Testing

/// The flat and row-wise arithmetic against loops in double precision.
///
/// One rounding of numbers up to 10 is 5e-7; a sum of n of them grows by √n. Tolerances: 1e-6 for one operation.
struct ArithmeticKernelTests {
  @Test(arguments: awkwardSizes) func axpyAddsAMultiple(count: Int) {
    let x = numbers(count)
    var y = numbers(count, 1)
    let expected = zip(x, y).map { Double($1) - 1.7 * Double($0) }
    ck_axpy(count, -1.7, x, &y)
    #expect(largestDifference(y, expected) < 1e-6)
  }

  @Test(arguments: awkwardSizes) func scaleMultiplies(count: Int) {
    var y = numbers(count)
    let expected = y.map { $0 * 0.3 }
    ck_scale(count, 0.3, &y)
    #expect(y == expected)
  }

  @Test(arguments: awkwardSizes) func addAndSumAreTheSameSum(count: Int) {
    let x = numbers(count), y = numbers(count, 1)
    var inPlace = y, fresh = [Float](repeating: .nan, count: count)
    ck_add(count, x, &inPlace)
    ck_sum(count, x, y, &fresh)
    #expect(inPlace == zip(x, y).map { $0 + $1 })
    #expect(fresh == inPlace)
  }

  @Test(arguments: Shape.awkward) func fillRowsRepeatsTheBias(shape: Shape) {
    let bias = numbers(shape.columns), original = numbers(shape.count, 1)
    var y = original
    ck_fill_rows(shape.rows, shape.columns, bias, &y, shape.stride)
    #expect(shape.places.allSatisfy { y[$0 * shape.stride + $1] == bias[$1] })
    #expect(shape.keepsGaps(y, original))
  }

  @Test(arguments: Shape.awkward) func oneRowIsAddedToAll(shape: Shape) {
    let bias = numbers(shape.columns), original = numbers(shape.count, 1)
    var y = original
    ck_add_to_rows(shape.rows, shape.columns, bias, &y, shape.stride)
    #expect(shape.places.allSatisfy { y[$0 * shape.stride + $1] == original[$0 * shape.stride + $1] + bias[$1] })
    #expect(shape.keepsGaps(y, original))
  }

  @Test(arguments: Shape.awkward) func columnSumsAreAdded(shape: Shape) {
    let x = numbers(shape.count)
    var total = numbers(shape.columns, 1), expected = total.map(Double.init)
    for (i, j) in shape.places { expected[j] += Double(x[i * shape.stride + j]) }
    ck_add_column_sums(shape.rows, shape.columns, x, shape.stride, &total)
    #expect(largestDifference(total, expected) < 5e-6)  // up to eight additions
  }

  @Test(arguments: Shape.awkward) func columnProductsAreAdded(shape: Shape) {
    let x = numbers(shape.count), y = numbers(shape.rows * (shape.columns + 1), 2)
    var total = numbers(shape.columns, 1), expected = total.map(Double.init)
    for (i, j) in shape.places {
      expected[j] += Double(x[i * shape.stride + j]) * Double(y[i * (shape.columns + 1) + j])
    }
    ck_add_column_products(shape.rows, shape.columns, x, shape.stride, y, shape.columns + 1, &total)
    #expect(largestDifference(total, expected) < 1e-5)  // up to eight additions of products up to 9
  }

  @Test(arguments: Shape.awkward) func columnsAreScaledInPlaceAndIntoAnother(shape: Shape) {
    let factor = numbers(shape.columns), original = numbers(shape.count, 1)
    var y = original
    ck_scale_columns(shape.rows, shape.columns, factor, &y, shape.stride)
    #expect(shape.places.allSatisfy { y[$0 * shape.stride + $1] == original[$0 * shape.stride + $1] * factor[$1] })
    #expect(shape.keepsGaps(y, original))

    var z = [Float](repeating: 9, count: shape.rows * (shape.columns + 1))
    ck_scaled_columns(shape.rows, shape.columns, factor, original, shape.stride, &z, shape.columns + 1)
    #expect(shape.places.allSatisfy { z[$0 * (shape.columns + 1) + $1] == y[$0 * shape.stride + $1] })
    #expect((0..<shape.rows).allSatisfy { z[$0 * (shape.columns + 1) + shape.columns] == 9 })
  }

  @Test(arguments: Shape.awkward) func scaledColumnsAreAdded(shape: Shape) {
    let factor = numbers(shape.columns), x = numbers(shape.count, 1)
    let original = numbers(shape.rows * (shape.columns + 1), 2)
    var z = original, expected = original.map(Double.init)
    ck_add_scaled_columns(shape.rows, shape.columns, factor, x, shape.stride, &z, shape.columns + 1)
    for (i, j) in shape.places {
      expected[i * (shape.columns + 1) + j] += Double(x[i * shape.stride + j]) * Double(factor[j])
    }
    #expect(largestDifference(z, expected) < 1e-6)
    #expect(
      (0..<shape.rows).allSatisfy {
        z[$0 * (shape.columns + 1) + shape.columns] == original[$0 * (shape.columns + 1) + shape.columns]
      })
  }

  @Test(arguments: Shape.awkward) func rowSquaresAreAdded(shape: Shape) {
    let x = numbers(shape.count)
    var total = numbers(shape.rows, 1), expected = total.map(Double.init)
    for (i, j) in shape.places { expected[i] += Double(x[i * shape.stride + j]) * Double(x[i * shape.stride + j]) }
    ck_add_row_squares(shape.rows, shape.columns, x, shape.stride, &total)
    // Sums of up to 130 squares below 9: 1e-7 of a few hundred.
    #expect(largestDifference(total, expected) < 1e-4)
  }

  @Test(arguments: awkwardSizes) func dotIsTheSumOfProducts(count: Int) {
    let x = numbers(count), y = numbers(count, 1)
    let expected = zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    let size = zip(x, y).reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
    #expect(abs(Double(ck_dot(count, x, y)) - expected) <= 1e-6 * size)  // a dozen roundings of 6e-8 each
  }

  @Test(arguments: awkwardSizes) func theSumOfSquaresIsADoublesSum(count: Int) {
    let x = numbers(count)
    let expected = x.reduce(0) { $0 + Double($1) * Double($1) }
    // Only the order of the additions differs: 1e-16 of the sum, times their number.
    #expect(abs(ck_sum_of_squares(count, x) - expected) <= 1e-12 * expected)
  }

  @Test func theSumOfSquaresShowsNaNAndInfinityAndHoldsLargeNumbers() {
    var x = numbers(100)
    x[63] = .nan
    #expect(ck_sum_of_squares(100, x).isNaN)
    x[63] = -.infinity
    #expect(ck_sum_of_squares(100, x) == .infinity)
    x[63] = 3e38  // its square does not fit single precision
    #expect(ck_sum_of_squares(100, x).isFinite)
  }

  @Test(arguments: awkwardSizes.dropFirst()) func argmaxIsTheFirstOfTheLargest(count: Int) {
    var x = numbers(count)
    #expect(ck_argmax(count, x) == x.firstIndex(of: x.max()!)!)
    x[count / 2] = 7
    x[count - 1] = 7
    #expect(ck_argmax(count, x) == count / 2)
  }
}
