/*
 * A security key in software, for tests: OpenSSH loads it as it loads the middleware of a real one (its header sk-api.h, version 10).
 * What a person would do to the key is said in the environment:
 *
 *   SKPROVIDER_FLAGS    flags that the key signs, as a number; default: those that OpenSSH asks for
 *   SKPROVIDER_COUNTER  the signature counter; default 1
 *
 * The handle of a key is its private key in DER. Nothing here protects it.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { API_VERSION = 0x000a0000, ALG_ECDSA = 0, ALG_ED25519 = 1, ERR_GENERAL = -1, ERR_UNSUPPORTED = -2 };

struct bytes {
	uint8_t *at;
	size_t length;
};

struct sk_option;
struct sk_resident_key;

struct sk_enroll_response {
	uint8_t flags;
	struct bytes public_key, key_handle, signature, attestation_cert, authdata;
};

struct sk_sign_response {
	uint8_t flags;
	uint32_t counter;
	struct bytes r, s;
};

static uint32_t setting(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);
	return text ? (uint32_t)strtoul(text, NULL, 0) : otherwise;
}

/* Every member that is given back is freed by the caller, empty ones too. */
static struct bytes copy(const void *from, size_t length)
{
	struct bytes b = { malloc(length + 1), length };
	if (b.at)
		memcpy(b.at, from, length);
	return b;
}

static struct bytes number(const BIGNUM *n)
{
	uint8_t octets[66];
	return copy(octets, (size_t)BN_bn2bin(n, octets));
}

static int public_of(EVP_PKEY *key, struct bytes *out)
{
	uint8_t raw[65]; /* an uncompressed point, or 32 octets */
	size_t length = sizeof raw;
	int ok = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519
		? EVP_PKEY_get_raw_public_key(key, raw, &length)
		: EVP_PKEY_get_octet_string_param(key, "pub", raw, sizeof raw, &length);
	if (ok)
		*out = copy(raw, length);
	return ok;
}

uint32_t sk_api_version(void)
{
	return API_VERSION;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_length, const char *application, uint8_t flags,
	const char *pin, struct sk_option **options, struct sk_enroll_response **answer)
{
	EVP_PKEY *key;
	uint8_t *der = NULL;
	int length, result = ERR_GENERAL;

	(void)challenge, (void)challenge_length, (void)application, (void)pin, (void)options;
	if (alg != ALG_ECDSA && alg != ALG_ED25519)
		return ERR_UNSUPPORTED;
	key = alg == ALG_ECDSA ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	*answer = calloc(1, sizeof **answer);
	if (key && *answer && (length = i2d_PrivateKey(key, &der)) > 0 && public_of(key, &(*answer)->public_key)) {
		(*answer)->flags = flags;
		(*answer)->key_handle = copy(der, (size_t)length);
		(*answer)->signature = (*answer)->attestation_cert = (*answer)->authdata = (struct bytes){ NULL, 0 };
		result = 0;
	}
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return result;
}

/* What is signed: whom the key was made for, how it was used, and the digest of the data. */
static void signed_data(uint8_t out[69], const char *application, uint8_t flags, uint32_t counter, const uint8_t *data, size_t length)
{
	SHA256((const uint8_t *)application, strlen(application), out);
	out[32] = flags;
	for (int i = 0; i < 4; i++)
		out[33 + i] = (uint8_t)(counter >> (24 - 8 * i));
	SHA256(data, length, out + 37);
}

static int split(const uint8_t *der, size_t length, struct sk_sign_response *answer)
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
	if (!pair)
		return 0;
	answer->r = number(ECDSA_SIG_get0_r(pair));
	answer->s = number(ECDSA_SIG_get0_s(pair));
	ECDSA_SIG_free(pair);
	return 1;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_length, const char *application, const uint8_t *handle, size_t handle_length,
	uint8_t flags, const char *pin, struct sk_option **options, struct sk_sign_response **answer)
{
	uint8_t message[69], signature[128];
	size_t length = sizeof signature;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &handle, (long)handle_length);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = key && context && (*answer = calloc(1, sizeof **answer));

	(void)pin, (void)options;
	if (ok) {
		(*answer)->flags = (uint8_t)setting("SKPROVIDER_FLAGS", flags);
		(*answer)->counter = setting("SKPROVIDER_COUNTER", 1);
		signed_data(message, application, (*answer)->flags, (*answer)->counter, data, data_length);
		ok = EVP_DigestSignInit(context, NULL, alg == ALG_ECDSA ? EVP_sha256() : NULL, NULL, key) == 1
			&& EVP_DigestSign(context, signature, &length, message, sizeof message) == 1;
	}
	if (ok && alg == ALG_ECDSA)
		ok = split(signature, length, *answer);
	else if (ok)
		(*answer)->r = copy(signature, length);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return ok ? 0 : ERR_GENERAL;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, struct sk_resident_key ***keys, size_t *count)
{
	(void)pin, (void)options, (void)keys, (void)count;
	return ERR_UNSUPPORTED;
}
