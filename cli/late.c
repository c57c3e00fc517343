#include "cli/late.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

/*
 * One row a function: what it returns, its name, parameters, arguments.  They are defined here under their own names, so
 * the linker takes these and does not ask for the library; who has a socket has come by zmq_ctx_new, so all were found.
 * The header is common/rpc_client.c's alone: messages and options are only passed on.
 */
#define FUNCTIONS(ROW)                                                                                       \
	ROW(void *, zmq_socket, (void *ctx, int type), (ctx, type))                                          \
	ROW(int, zmq_setsockopt, (void *s, int option, const void *v, size_t n), (s, option, v, n))          \
	ROW(int, zmq_getsockopt, (void *s, int option, void *v, size_t *n), (s, option, v, n))               \
	ROW(int, zmq_curve_keypair, (char *public, char *secret), (public, secret))                          \
	ROW(int, zmq_connect, (void *s, const char *endpoint), (s, endpoint))                                \
	ROW(int, zmq_close, (void *s), (s))                                                                  \
	ROW(int, zmq_ctx_term, (void *ctx), (ctx))                                                           \
	ROW(int, zmq_send, (void *s, const void *bytes, size_t n, int flags), (s, bytes, n, flags))          \
	ROW(int, zmq_msg_init, (void *m), (m))                                                               \
	ROW(int, zmq_msg_recv, (void *m, void *s, int flags), (m, s, flags))                                 \
	ROW(int, zmq_msg_close, (void *m), (m))                                                              \
	ROW(void *, zmq_msg_data, (void *m), (m))                                                            \
	ROW(size_t, zmq_msg_size, (const void *m), (m))                                                      \
	ROW(int, zmq_msg_more, (const void *m), (m))                                                         \
	ROW(int, zmq_poll, (void *items, int n, long ms), (items, n, ms))

static struct {
	void *(*zmq_ctx_new)(void);
#define ROW(type, name, parameters, arguments) type(*name) parameters;
	FUNCTIONS(ROW)
#undef ROW
} library;

#define ROW(type, name, parameters, arguments)                                                               \
	type name parameters;                                                                                \
	type name parameters                                                                                 \
	{                                                                                                    \
		return library.name arguments;                                                               \
	}
FUNCTIONS(ROW)
#undef ROW

/* POSIX says that dlsym's pointer may become one to a function; ISO C has no cast for it. */
static void
find(void *handle, const char *name, void *to)
{
	*(void **)to = dlsym(handle, name);
}

void *zmq_ctx_new(void);
void *
zmq_ctx_new(void)
{
	if (library.zmq_ctx_new == NULL) {
		void *handle = dlopen("libzmq.so.5", RTLD_NOW | RTLD_LOCAL);
		size_t missing = handle == NULL;
		if (handle != NULL) {
			find(handle, "zmq_ctx_new", (void *)&library.zmq_ctx_new);
#define ROW(type, name, parameters, arguments)                                                               \
	find(handle, #name, (void *)&library.name);                                                          \
	missing += library.name == NULL;
			FUNCTIONS(ROW)
#undef ROW
		}
		if (missing > 0 || library.zmq_ctx_new == NULL) {
			library.zmq_ctx_new = NULL;
			errno = ELIBACC;
			return NULL;
		}
	}
	return library.zmq_ctx_new();
}

void
late_use(void)
{
}
