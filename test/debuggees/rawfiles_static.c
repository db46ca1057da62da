// As rawfiles, without a C library beside it.
// @flags -static
#include "rawfiles.c"
