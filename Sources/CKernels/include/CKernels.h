// Element-wise loops and short reductions over fp32 arrays: no allocation, no threads, no state.
//
// Every matrix is row-major; `stride` is the distance between the first elements of two rows. Reductions run in one
// order fixed by the code and the processor family, so equal input gives equal bits whatever the number of ranks.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Tells the processor that this thread waits for another to write something.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Arithmetic on flat arrays (Arithmetic.c)

/// y += a x.
void ck_axpy(long count, float a, const float *x, float *y);
/// y *= a.
void ck_scale(long count, float a, float *y);
/// y += x.
void ck_add(long count, const float *x, float *y);
/// z = x + y.
void ck_sum(long count, const float *x, const float *y, float *z);
/// y[i, :] = bias for every row.
void ck_fill_rows(long rows, long columns, const float *bias, float *y, long stride);
/// y[i, :] += bias for every row.
void ck_add_to_rows(long rows, long columns, const float *bias, float *y, long stride);
/// total[j] += sum over rows of x[i, j].
void ck_add_column_sums(long rows, long columns, const float *x, long stride, float *total);
/// total[j] += sum over rows of x[i, j] y[i, j].
void ck_add_column_products(long rows, long columns, const float *x, long xStride, const float *y, long yStride,
                            float *total);
/// y[i, j] *= factor[j].
void ck_scale_columns(long rows, long columns, const float *factor, float *y, long stride);
/// z[i, j] += x[i, j] factor[j].
void ck_add_scaled_columns(long rows, long columns, const float *factor, const float *x, long xStride, float *z,
                           long zStride);
/// z[i, j] = x[i, j] factor[j].
void ck_scaled_columns(long rows, long columns, const float *factor, const float *x, long xStride, float *z,
                       long zStride);
/// Sum of squares in double precision; NaN or infinite when any element is.
double ck_sum_of_squares(long count, const float *x);
/// Sum of x[i] y[i].
float ck_dot(long count, const float *x, const float *y);
/// total[i] += sum of x[i, :] squared.
void ck_add_row_squares(long rows, long columns, const float *x, long stride, float *total);
/// The index of the largest element (the first of equals).
long ck_argmax(long count, const float *x);

// The peak of arithmetic (Peak.c)

/// Multiply-adds in registers alone, 192 a round on vectors of 16 numbers; the result is of no interest.
float ck_multiply_adds_wide(long rounds);
/// The same in vectors of 8 numbers, 96 a round, for processors without longer ones.
float ck_multiply_adds_narrow(long rounds);

// Checksums (Checksum.c)

/// A checksum of bytes that depends on each one and its place: eight lanes of 64-bit words, each by xxHash64's round. The
/// same on every processor that stores numbers' lower bytes first; no protection from malice.
uint64_t ck_checksum(long count, const void *bytes, uint64_t seed);

// Layers (Layers.c)

/// y = (x - mean) rstd gamma + beta for each row; keeps mean and rstd = 1 / sqrt(variance + epsilon).
void ck_layer_norm_forward(long rows, long width, const float *x, const float *gamma, const float *beta,
                           float epsilon, float *y, float *mean, float *rstd);
/// The same y again from kept mean and rstd.
void ck_layer_norm_again(long rows, long width, const float *x, const float *gamma, const float *beta,
                         const float *mean, const float *rstd, float *y);
/// dx += the gradient through layer norm.
void ck_layer_norm_backward(long rows, long width, const float *dy, const float *x, const float *gamma,
                            const float *mean, const float *rstd, float *dx);
/// dgamma += sum of dy xhat, dbeta += sum of dy, of some columns.
void ck_layer_norm_parameter_gradients(long rows, long columns, const float *dy, const float *x, long stride,
                                       const float *mean, const float *rstd, float *dgamma, float *dbeta);
/// y = GELU(x), tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
void ck_gelu_tanh_forward(long count, const float *x, float *y);
/// dy *= GELU'(x).
void ck_gelu_tanh_backward(long count, const float *x, float *dy);
/// y = GELU(x) = 0.5 x (1 + erf(x / sqrt(2))).
void ck_gelu_forward(long count, const float *x, float *y);
/// dy *= GELU'(x).
void ck_gelu_backward(long count, const float *x, float *dy);
/// y = tanh(y).
void ck_tanh_forward(long count, float *y);
/// dy *= 1 - y^2, y = tanh(x).
void ck_tanh_backward(long count, const float *y, float *dy);
/// y[i, :] += table[index[i], :].
void ck_add_table_rows(long rows, long width, const int32_t *index, const float *table, float *y);
/// loss[i] = (prediction[i] - target[i])^2; the prediction becomes the loss's slope by it.
void ck_squared_error(long rows, float *prediction, const float *target, double *loss);
/// y = max(x, 0).
void ck_relu_forward(long count, const float *x, float *y);
/// dy = 0 where x is not above 0.
void ck_relu_backward(long count, const float *x, float *dy);
/// y[i, :] = scale times the token table's row.
void ck_embed_scaled(long rows, long width, const int32_t *tokens, const float *table, float scale, float *y);
/// table[index[i], :] += dy[i, :], in row order.
void ck_scatter_add_rows(long rows, long columns, const int32_t *index, const float *dy, long stride, float *table,
                         long tableStride);
/// y[i, :] = x[index[i], :].
void ck_gather_rows(long rows, long width, const int32_t *index, const float *x, long stride, float *y);
/// loss[i] = -log softmax(logits[i])[label[i]]; logits becomes softmax - onehot.
void ck_cross_entropy(long rows, long classes, float *logits, const int32_t *labels, double *loss);
/// The same of logits that ck_soft_cap capped: they become the gradient of what was capped.
void ck_cross_entropy_soft_capped(long rows, long classes, float cap, float *logits, const int32_t *labels,
                                  double *loss);
/// loss[i] only; logits stay as they are.
void ck_cross_entropy_loss(long rows, long classes, const float *logits, const int32_t *labels, double *loss);

// Attention (Attention.c)

/// Rows of scores become probabilities. Row i's own column is first + i; it keeps the columns up to its own, or the first
/// `visible` ones if these are more, and of them the last `window`; the rest become 0. `visible` is 0 or `window` keeps
/// all. logsumexp[i] of the scaled scores is kept for the backward pass.
void ck_masked_softmax(long rows, long columns, long first, long window, long visible, float scale, float *scores,
                       long stride, float *logsumexp);
/// The same probabilities again from kept logsumexp.
void ck_masked_softmax_again(long rows, long columns, long first, long window, long visible, float scale,
                             float *scores, long stride, const float *logsumexp);
/// delta[i] = sum over the head's columns of dy[i, :] y[i, :].
void ck_row_products(long rows, long columns, const float *dy, long dyStride, const float *y, long yStride,
                     float *delta);
/// dp = scale p (dp - delta[i]), in place.
void ck_softmax_backward(long rows, long columns, float scale, const float *p, float *dp, long stride,
                         const float *delta);
/// Some heads of one query, end to end, against `length` cached keys and values (rows of stride `stride`), of which
/// `sharing` heads in a row see the same head: y = softmax(scale q Kᵀ + bias) V for each head. The scores are capped as by
/// ck_soft_cap if cap is above 0; key t is biased with bias[t], for every head, unless it is null. `scores` has room for
/// heads * length floats. logsumexp[h] becomes that of a head's scores.
void ck_attend_one(long heads, long sharing, long length, long width, float scale, float cap,
                   const float *_Nullable bias, const float *q, const float *k, const float *v, long stride,
                   float *scores, float *y, float *logsumexp);
/// Joins a query's attention on some keys, y, with that on others, head by head: y becomes its attention on all of them,
/// logsumexp that of all scores. Head h's of the others is otherLogsumexp[h * otherStride].
void ck_join_attention(long heads, long width, float *y, float *logsumexp, const float *other,
                       const float *otherLogsumexp, long otherStride);

// Root-mean-square norm (RMSNorm.c)

/// y = x rstd (offset + weight) for each row; keeps rstd = 1 / sqrt(mean(x²) + epsilon).
void ck_rms_norm_forward(long rows, long width, const float *x, const float *weight, float offset, float epsilon,
                         float *y, float *rstd);
/// The same y again from kept rstd.
void ck_rms_norm_again(long rows, long width, const float *x, const float *weight, float offset, const float *rstd,
                       float *y);
/// dx += the gradient through the norm.
void ck_rms_norm_backward(long rows, long width, const float *dy, const float *x, const float *weight, float offset,
                          const float *rstd, float *dx);
/// dweight += sum of dy x rstd, of some columns.
void ck_rms_norm_weight_gradient(long rows, long columns, const float *dy, const float *x, long stride,
                                 const float *rstd, float *dweight);

// Rotary positions (Rotary.c)

/// Turns the pairs (j, j + width / 2) of every head of row i by the angles whose cosines and sines are row positions[i]
/// of the tables, (positions, width / 2); direction is 1, or -1 to turn back.
void ck_rotate(long rows, long heads, long width, const int32_t *positions, const float *cosines, const float *sines,
               float direction, float *x, long stride);

// Gated feed-forward (GatedActivations.c)

/// y = SiLU(gate) up.
void ck_gated_silu_forward(long count, const float *gate, const float *up, float *y);
/// dGate from dy, which becomes dUp.
void ck_gated_silu_backward(long count, const float *gate, const float *up, float *dy, float *dGate);
/// y = GELU(gate) up, tanh form.
void ck_gated_gelu_tanh_forward(long count, const float *gate, const float *up, float *y);
/// dGate from dy, which becomes dUp.
void ck_gated_gelu_tanh_backward(long count, const float *gate, const float *up, float *dy, float *dGate);

// Soft caps (SoftCap.c)

/// x = cap tanh(scale x / cap), in place.
void ck_soft_cap(long count, float scale, float cap, float *x);
/// dy *= 1 - (y / cap)², the slope of the cap where it gave y.
void ck_soft_cap_backward(long count, float cap, const float *y, float *dy);

// Biases by distance (Distances.c)
//
// `bias` points at distance 0 of a block's first row: the entry of row i and column j is bias[j - i].

/// scores[i, j] += bias[j - i].
void ck_add_distances(long rows, long columns, const float *bias, float *scores, long stride);
/// total[j - i] += scores[i, j].
void ck_add_distance_sums(long rows, long columns, const float *scores, long stride, float *total);
/// y[h, d] = table[bucket[d], h] for `count` distances.
void ck_spread_distances(long count, long heads, const int32_t *bucket, const float *table, float *y, long stride);
/// table[bucket[d], h] += y[h, d].
void ck_collect_distances(long count, long heads, const int32_t *bucket, const float *y, long stride, float *table);
// Mixtures of experts (Mixtures.c)
//
// An expert i's up-projection is b[i] (outputs, rank), `step` numbers behind the one before. Gates come in groups, one a block of `block` rank dimensions; a
// row's gates are [group, expert].

/// packed[q, i rank + j] = b[index[i]][q, j]: the chosen experts' up-projections side by side, (outputs, experts rank).
void ck_pack_experts(long experts, const int32_t *index, long outputs, long rank, const float *b, long step,
                     float *packed);
/// b[index[i]][q, j] += packed[q, i rank + j].
void ck_add_packed_experts(long experts, const int32_t *index, long outputs, long rank, const float *packed, float *b,
                           long step);
/// h[n, i rank + j] = gates[n, j / block, i] z[n, i zStep + j]; zStep is 0 where the experts share z, else rank.
void ck_mix_experts(long rows, long experts, long rank, long block, const float *z, long zStride, long zStep,
                    const float *gates, long gateStride, float *h);
/// Sets dz and dGates from dh.
void ck_mix_experts_backward(long rows, long experts, long rank, long block, const float *dh, const float *z,
                             long zStride, long zStep, const float *gates, long gateStride, float *dz, long dzStride,
                             float *dGates, long dGateStride);
/// x[n, g, :] = softmax(x[n, g, :]), in place; logsumexp[n, g] is kept unless it is null.
void ck_softmax_groups(long rows, long groups, long width, float *x, long stride, float *_Nullable logsumexp);
/// dp = p (dp - sum(p dp)) in each group, in place.
void ck_softmax_groups_backward(long rows, long groups, long width, const float *p, long stride, float *dp,
                                long dStride);
/// y[n, g, :] += a factor[n, g] p[n, g, :].
void ck_add_scaled_groups(long rows, long groups, long width, float a, const float *factor, const float *p, long stride,
                          float *y, long yStride);
/// Adds up over rows: which expert has the largest gate (chosen[g, i]), the gates (shares[g, i]), and their entropy in
/// nats (entropy[g]) unless it is null.
void ck_count_routing(long rows, long groups, long width, const float *p, long stride, double *chosen, double *shares,
                      double *_Nullable entropy);
/// inverse[o] = 1 / sqrt(squares[o] + 2 scale b[o] · aw[:, o] + scale² b[o] · baa[o]), the norms of DoRA.
/// Shapes: aw (rank, outputs), b and baa (outputs, rank).
void ck_inverse_norms(long outputs, long rank, float scale, const float *squares, const float *aw, long awStride,
                      const float *b, const float *baa, float *inverse);

// Random numbers from a counter: Philox4x32-10 (Salmon et al., SC 2011) (Random.c)

/// Four words for one counter (c0..c3) and key (k0, k1).
void ck_philox(const uint32_t *counter, const uint32_t *key, uint32_t *out);
/// Uniform numbers in [0, 1): element i depends on (key, stream, i) alone.
void ck_uniform(long count, uint64_t key, uint64_t stream, float *x);
/// Standard normal numbers (Box-Muller): element i depends on (key, stream, i) alone, but for a last bit that `count`
/// may change where it decides between vector and scalar operations.
void ck_normal(long count, uint64_t key, uint64_t stream, float *x);
/// y = x with each element kept with probability 1 - rate and scaled by 1 / (1 - rate), else 0.
/// Element i depends on (key, stream, first + i) alone; first is a multiple of 4. x may be y.
void ck_dropout(long count, float rate, uint64_t key, uint64_t stream, uint64_t first, const float *x, float *y);

// Numbers of bf16, the upper halves of fp32 numbers (HalfFloats.c)

/// y[i, :] = x[i, :] rounded to nearest, ties to even; y's rows lie end to end. NaN stays NaN.
void ck_round_bf16(long rows, long columns, const float *x, long stride, uint16_t *y);
/// The same as fp32 numbers.
void ck_round_through_bf16(long rows, long columns, const float *x, long stride, float *y);
/// y = x.
void ck_expand_bf16(long count, const uint16_t *x, float *y);
/// y += x.
void ck_add_bf16(long count, const uint16_t *x, float *y);
/// y = x + y rounded to nearest, as fp32 numbers. NaN stays NaN.
void ck_add_rounding_bf16(long count, const float *x, float *y);

// Optimizer (Optimizer.c)

/// One AdamW step as PyTorch's: decoupled decay, bias correction by the two factors 1 - beta^t. The weights 1 - beta1 and
/// 1 - beta2 come from the caller, who forms them in double precision. The gradient is multiplied by gradientScale first.
void ck_adamw(long count, float learningRate, float firstWeight, float beta2, float secondWeight, float epsilon,
              float weightDecay, float correction1, float correction2, float gradientScale, const float *gradient,
              float *first, float *second, float *values);

#pragma clang assume_nonnull end
#endif
