# what ft-webd parses itself
FUZZ_PROGS += fuzz_http
fuzz_http_SRCS := tests/fuzz/fuzz_http.c
fuzz_http_USES := web
