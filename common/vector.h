/*
 * vector.h - loops over whole arrays that the compiler makes better code of for newer processors, chosen when the
 * program is loaded.  Not under sanitizers, whose runtime is not up yet at that time.
 */
#ifndef FT_VECTOR_H
#define FT_VECTOR_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
	!defined(__SANITIZE_THREAD__)
#define VECTOR __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define VECTOR
#endif

#endif
