// OpenBLAS's C interface as it is; nothing needs a shim.
#include <cblas.h>
