/*
 * late.h - libzmq, loaded when it is first needed: for programs that mostly do without (plain.h).
 */
#ifndef FT_CLI_LATE_H
#define FT_CLI_LATE_H

/* Programs that call this have the functions of libzmq that common/rpc_client.c uses from late.c instead of the library,
 * which is loaded with the first zmq_ctx_new(); where there is none that says NULL with errno ELIBACC. */
void late_use(void);

#endif
