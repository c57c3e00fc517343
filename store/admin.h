/*
 * admin.h - ft-store stats | verify | backup DIR | attach DIR | detach N | clear, -c FILE.
 */
#ifndef FT_STORE_ADMIN_H
#define FT_STORE_ADMIN_H

/* Exit code: 0 good, 1 damage found or refused, 100 usage, 111 system. */
int admin_main(int argc, char **argv);

#endif
