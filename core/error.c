/* SPDX-License-Identifier: MIT */
/* Each thread's record of its last failure. */
#include <string.h>

#include "internal.h"
#include "services.h"
#include "text.h"

static _Thread_local struct record {
	struct hy_error error;
	char text[4096];
	char hint[512];
	char host_name[64];
	bool from_backend; /* and not yet seen by hy__backend_failed */
	bool held;         /* what fails now is of no interest */
} last;

static const char *const status_names[] = {
	[-HY_OK] = "HY_OK",
	[-HY_E_INVALID] = "HY_E_INVALID",
	[-HY_E_NOMEM] = "HY_E_NOMEM",
	[-HY_E_UNSUPPORTED] = "HY_E_UNSUPPORTED",
	[-HY_E_NOT_FOUND] = "HY_E_NOT_FOUND",
	[-HY_E_NO_BACKEND] = "HY_E_NO_BACKEND",
	[-HY_E_PERMISSION] = "HY_E_PERMISSION",
	[-HY_E_BUSY] = "HY_E_BUSY",
	[-HY_E_LIMIT] = "HY_E_LIMIT",
	[-HY_E_OVERLAP] = "HY_E_OVERLAP",
	[-HY_E_UNMAPPED] = "HY_E_UNMAPPED",
	[-HY_E_THREAD] = "HY_E_THREAD",
	[-HY_E_PENDING] = "HY_E_PENDING",
	[-HY_E_FORKED] = "HY_E_FORKED",
	[-HY_E_HOST] = "HY_E_HOST",
	[-HY_E_EXISTS] = "HY_E_EXISTS",
	[-HY_E_ABI] = "HY_E_ABI",
	[-HY_E_GONE] = "HY_E_GONE",
};

static bool is_status(int status)
{
	int count = (int)(sizeof(status_names) / sizeof(status_names[0]));

	return status <= 0 && status > -count;
}

bool hy__is_failure(int status)
{
	return status != 0 && is_status(status);
}

const char *hy_status_name(int status)
{
	return is_status(status) ? status_names[-status] : "HY_E_?";
}

const struct hy_error *hy_error(void)
{
	last.error.host_name = last.host_name;
	last.error.text = last.text;
	last.error.hint = last.hint;
	return &last.error;
}

/* "text", or where a caller gave none, what the code says. */
static HY_PRINTF(4, 0) void put_text(char *text, size_t size, int code, const char *format,
                                     va_list args)
{
	const char *backend = hy__current_backend();
	size_t prefix;

	text[0] = '\0';
	if (backend)
		hy__text_append(text, size, "%s: ", backend);
	prefix = strlen(text);
	hy__text_append_va(text, size, format, args);
	if (text[prefix] == '\0')
		hy__text_append(text, size, "%s", hy_status_name(code));
}

/* ": Permission denied (EACCES)", or " (NAME)" for another host's code. */
static void append_host_code(char *text, size_t size, int64_t code, const char *name)
{
	if (name)
		hy__text_append(text, size, " (%s)", name);
	else if (*hy__errno_name(code))
		hy__text_append(text, size, ": %s (%s)", hy__errno_text(code),
		                hy__errno_name(code));
	else
		hy__text_append(text, size, ": %s (errno %lld)", hy__errno_text(code),
		                (long long)code);
}

int hy__fail_va(int code, int64_t host_code, const char *host_name, const char *hint,
                const char *format, va_list args)
{
	/* Apart from the record, which the arguments may come from. */
	char text[sizeof(last.text)];

	if (last.held)
		return code;
	put_text(text, sizeof(text), code, format, args);
	if (host_code != 0) {
		append_host_code(text, sizeof(text), host_code, host_name);
		if (!host_name)
			host_name = hy__errno_name(host_code);
	}
	hy__text_copy(last.hint, sizeof(last.hint), hint ? hint : "");
	hy__text_copy(last.host_name, sizeof(last.host_name), host_code != 0 ? host_name : "");
	hy__text_copy(last.text, sizeof(last.text), text);
	last.error.code = code;
	last.error.host_code = host_code;
	last.from_backend = false;
	return code;
}

void hy__fail_is_backends(void)
{
	last.from_backend = !last.held;
}

void hy__error_hold(bool hold)
{
	last.held = hold;
}

int hy__fail_host(int code, int64_t host_code, const char *host_name, const char *hint,
                  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hy__fail_va(code, host_code, host_name, hint, format, args);
	va_end(args);
	return code;
}

int hy__fail(int code, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hy__fail_va(code, 0, NULL, hint, format, args);
	va_end(args);
	return code;
}

int hy__fail_nomem(const char *what)
{
	return hy__fail(HY_E_NOMEM, NULL, "not enough memory for %s", what);
}

const size_t hy__error_size = sizeof(struct record);

void hy__error_save(void *record)
{
	memcpy(record, &last, sizeof(last));
}

/* hy_error() makes the pointers in it this thread's. */
void hy__error_restore(const void *record)
{
	memcpy(&last, record, sizeof(last));
}

static bool names_backend(const char *text, const char *name)
{
	size_t length = strlen(name);

	return strncmp(text, name, length) == 0 && text[length] == ':';
}

int hy__backend_failed(const struct hy_backend *ops, int status)
{
	char text[sizeof(last.text)];
	bool told = last.from_backend && last.error.code == status;

	last.from_backend = false;
	if (!told)
		return hy__fail(hy__is_failure(status) ? status : HY_E_ABI, "report it to the backend's author",
		                "%s: the operation returned %d without saying why", ops->name,
		                status);
	if (names_backend(last.text, ops->name))
		return status;
	hy__text_copy(text, sizeof(text), last.text);
	last.text[0] = '\0';
	hy__text_append(last.text, sizeof(last.text), "%s: %s", ops->name, text);
	return status;
}
