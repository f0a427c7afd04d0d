// OpenBLAS's C interface as it is, and the routine of the LAPACK inside it that is used. OpenBLAS installs no header for
// LAPACK, whose interface is Fortran's: every argument is a pointer, matrices lie column by column. A text's
// length follows behind the last argument, a size_t since gfortran 8: compilers count on that place to be there.
#include <cblas.h>
#include <stddef.h>

#pragma clang assume_nonnull begin
/// The singular value decomposition A = U diag(S) VT of an m × n matrix (divide and conquer). jobz is one letter.
void dgesdd_(const char *jobz, const blasint *m, const blasint *n, double *a, const blasint *lda, double *s, double *u,
             const blasint *ldu, double *vt, const blasint *ldvt, double *work, const blasint *lwork, blasint *iwork,
             blasint *info, size_t jobz_length);
#pragma clang assume_nonnull end
