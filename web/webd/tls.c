/* tls.c - see tls.h. */
#include "web/webd/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

enum { PATH = 600, NAMES = 1500, YEARS = 10 };

struct tls {
	SSL_CTX *ctx;
	bool certified;
	char fingerprint[100];
};

static int
failed(struct err *err, const char *what, const char *path)
{
	char text[200] = "";
	unsigned long e = ERR_get_error();
	ERR_error_string_n(e, text, sizeof text);
	ERR_clear_error();
	return err_set(err, FT_EFORMAT, "%s: %s: %s", path, what, e ? text : "no reason given");
}

/* ---- a certificate of our own ------------------------------------------------------------------ */

static void
name(char out[NAMES], const char *kind, const char *value)
{
	size_t n = strlen(out);
	char word[300];
	snprintf(word, sizeof word, "%s%s:%s", n ? "," : "", kind, value);
	/* a host's name may hold nothing that means something to OpenSSL's notation */
	if (strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") ==
			strlen(value) &&
		strstr(out, word) == NULL && n + strlen(word) < NAMES)
		memcpy(out + n, word, strlen(word) + 1);
}

/* what this machine is called: its name, with domain, and the addresses of its interfaces */
static void
own_names(char out[NAMES], char host[256])
{
	struct ifaddrs *list = NULL;
	struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *a = NULL;
	out[0] = 0;
	if (gethostname(host, 256) != 0)
		snprintf(host, 256, "flowtrove");
	host[255] = 0;
	name(out, "DNS", host);
	if (getaddrinfo(host, NULL, &hints, &a) == 0 && a->ai_canonname)
		name(out, "DNS", a->ai_canonname);
	if (a)
		freeaddrinfo(a);
	name(out, "DNS", "localhost");
	name(out, "IP", "127.0.0.1");
	name(out, "IP", "::1");
	if (getifaddrs(&list) != 0)
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		char text[64];
		if (i->ifa_addr == NULL ||
			(i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		socklen_t n = i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
								: sizeof(struct sockaddr_in6);
		if (getnameinfo(i->ifa_addr, n, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
			strchr(text, '%') == NULL)
			name(out, "IP", text);
	}
	freeifaddrs(list);
}

static int
extend(X509 *x, int nid, const char *value)
{
	X509V3_CTX v3;
	X509V3_set_ctx_nodb(&v3);
	X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
	int good = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return good ? 0 : FT_EFORMAT;
}

static X509 *
certificate_of(EVP_PKEY *key)
{
	char names[NAMES], host[256];
	uint8_t serial[16];
	X509 *x = X509_new();
	BIGNUM *number = NULL;
	own_names(names, host);
	host[64] = 0; /* as long as a common name may be; who checks looks at the names of the extension */
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	bool good = x && fd >= 0 && read(fd, serial, sizeof serial) == (ssize_t)sizeof serial;
	if (fd >= 0)
		close(fd);
	serial[0] &= 0x7f;
	good = good && (number = BN_bin2bn(serial, sizeof serial, NULL)) != NULL &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL && X509_set_version(x, 2) &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(x), YEARS * 365L * 86400) != NULL &&
	       X509_set_pubkey(x, key);
	BN_free(number);
	X509_NAME *subject = good ? X509_get_subject_name(x) : NULL;
	good = subject &&
	       X509_NAME_add_entry_by_txt(
		       subject, "O", MBSTRING_UTF8, (const uint8_t *)"Flowtrove (self-made)", -1, -1, 0) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)host, -1, -1, 0) &&
	       X509_set_issuer_name(x, subject) &&
	       extend(x, NID_basic_constraints, "critical,CA:FALSE") == 0 &&
	       extend(x, NID_key_usage, "critical,digitalSignature") == 0 &&
	       extend(x, NID_ext_key_usage, "serverAuth") == 0 &&
	       extend(x, NID_subject_alt_name, names) == 0 && X509_sign(x, key, EVP_sha256()) > 0;
	if (good)
		return x;
	X509_free(x);
	return NULL;
}

/* written whole or not at all: a half key would never be made anew */
static int
write_pem(const char *path, mode_t mode, EVP_PKEY *key, X509 *x, struct err *err)
{
	char part[PATH + 8];
	snprintf(part, sizeof part, "%s.new", path);
	(void)unlink(part); /* of a start that was cut short */
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return err_sys(err, "%s: can't write", part);
	}
	int good = key ? PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) : PEM_write_X509(f, x);
	good = good && fflush(f) == 0 && fsync(fd) == 0;
	if (fclose(f) != 0 || !good || rename(part, path) != 0)
		return err_sys(err, "%s: can't write", path);
	return 0;
}

static int
make(const char *cert, const char *key, struct err *err)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = pkey ? certificate_of(pkey) : NULL;
	int rc = x ? write_pem(key, 0600, pkey, NULL, err) : failed(err, "can't make a certificate", cert);
	if (rc == 0)
		rc = write_pem(cert, 0644, NULL, x, err);
	if (rc == 0)
		log_always(
			"made a certificate of its own: %s (own ones: web/tlscertfile and tlskeyfile)", cert);
	X509_free(x);
	EVP_PKEY_free(pkey);
	return rc;
}

/* ---- loading ----------------------------------------------------------------------------------- */

static int
settings(SSL_CTX *ctx)
{
	static const char below13[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) && SSL_CTX_set_cipher_list(ctx, below13)
		       ? 0
		       : FT_EFORMAT;
}

static void
describe(struct tls *t, X509 *x)
{
	uint8_t print[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	t->fingerprint[0] = 0;
	/* the same name on both sides: it vouches for itself */
	t->certified = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) != 0;
	if (!X509_digest(x, EVP_sha256(), print, &n))
		return;
	for (unsigned i = 0, used = 0; i < n && i < 32; i++)
		used += (unsigned)snprintf(t->fingerprint + used, sizeof t->fingerprint - used, "%s%02X",
			i ? ":" : "", print[i]);
	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		log_critical("the certificate of the web port has expired: browsers will refuse it");
}

/* *own: paths of the self-made ones */
static int
paths(const char *folder, const char **cert, const char **key, char own[2][PATH], struct err *err)
{
	if ((*cert)[0] && (*key)[0])
		return 0;
	if ((*cert)[0] || (*key)[0])
		return err_set(err, FT_EINVAL,
			"web/tlscertfile and web/tlskeyfile go together: the %s is missing",
			(*cert)[0] ? "key" : "certificate");
	snprintf(own[0], PATH, "%s/web.crt", folder);
	snprintf(own[1], PATH, "%s/web.key", folder);
	*cert = own[0];
	*key = own[1];
	return access(*cert, F_OK) == 0 && access(*key, F_OK) == 0 ? 0 : make(*cert, *key, err);
}

int
tls_reload(struct tls *t, const char *cert, const char *key, const char *folder, struct err *err)
{
	char own[2][PATH];
	struct stat st;
	int rc = paths(folder, &cert, &key, own, err);
	SSL_CTX *ctx = rc == 0 ? SSL_CTX_new(TLS_server_method()) : NULL;
	if (rc != 0)
		return rc;
	if (ctx == NULL || settings(ctx) != 0)
		rc = failed(err, "TLS can't be set up", cert);
	else if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		rc = failed(err, "not a certificate in PEM form that can be read", cert);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		rc = failed(err, "not a private key in PEM form that can be read", key);
	else if (SSL_CTX_check_private_key(ctx) != 1)
		rc = failed(err, "not the private key of web/tlscertfile", key);
	if (rc != 0) {
		SSL_CTX_free(ctx);
		return rc;
	}
	if (stat(key, &st) == 0 && (st.st_mode & 0007))
		log_critical("%s: everybody on this machine may read this private key; chmod 600 it", key);
	describe(t, SSL_CTX_get0_certificate(ctx));
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	return 0;
}

int
tls_open(struct tls **out, const char *certfile, const char *keyfile, const char *folder, struct err *err)
{
	struct tls *t = calloc(1, sizeof *t);
	*out = t;
	if (t == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	return tls_reload(t, certfile, keyfile, folder, err);
}

void
tls_close(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

bool
tls_certified(const struct tls *t)
{
	return t->certified;
}

const char *
tls_fingerprint(const struct tls *t)
{
	return t->fingerprint;
}

struct ssl_st *
tls_session(struct tls *t)
{
	return SSL_new(t->ctx);
}
