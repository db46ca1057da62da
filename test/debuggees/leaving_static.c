// As leaving.c, with the C library inside.
// @flags -static
#include "leaving.c"
