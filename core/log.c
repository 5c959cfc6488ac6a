/* SPDX-License-Identifier: MIT */
/* The log: to the program's function, or to standard error as HY_DEBUG says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "services.h"
#include "text.h"

#define LINE_SIZE 1024

/* What backends say at HY_LOG_DEBUG has no word of its own: only "all" shows it. */
#define TOPIC_BACKEND 0x20u
#define TOPIC_ALL                                                                                  \
	(TOPIC_BACKEND | HY__LOG_ERROR | HY__LOG_WARN | HY__LOG_INFO | HY__LOG_LOAD | HY__LOG_PROBE)
/* In `topics`: HY_DEBUG has been read. */
#define TOPICS_READ 0x80000000u

static const struct {
	const char *word;
	unsigned topics;
	enum hy_log_level level;
} words[] = {
	{ "error", HY__LOG_ERROR, HY_LOG_ERROR }, { "warn", HY__LOG_WARN, HY_LOG_WARN },
	{ "info", HY__LOG_INFO, HY_LOG_INFO },    { "load", HY__LOG_LOAD, HY_LOG_DEBUG },
	{ "probe", HY__LOG_PROBE, HY_LOG_DEBUG }, { "all", TOPIC_ALL, HY_LOG_DEBUG },
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static atomic_uint topics;
static _Atomic(hy_log_func) log_func;
static _Atomic(void *) log_data;

/* --- HY_DEBUG ------------------------------------------------------------------- */

/* One call, so that lines of several threads and processes don't mix. */
static void put_line(char *line, size_t size)
{
	size_t length;

	hy__text_one_line(line);
	length = strlen(line);
	if (length > size - 2)
		length = size - 2;
	line[length] = '\n';
	fwrite(line, 1, length + 1, stderr);
}

static void print_words(void)
{
	char line[LINE_SIZE] = "libhy: HY_DEBUG takes a list of";

	for (size_t i = 0; i < WORD_COUNT; i++)
		hy__text_append(line, sizeof(line), " %s,", words[i].word);
	hy__text_append(line, sizeof(line), " help");
	put_line(line, sizeof(line));
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* The topics of one word, or 0 with `*ask` set when the list must be shown. */
static unsigned word_topics(const char *text, size_t length, bool *ask)
{
	char line[LINE_SIZE] = "";

	for (size_t i = 0; i < WORD_COUNT; i++) {
		if (is_word(text, length, words[i].word))
			return words[i].topics;
	}
	*ask = true;
	if (is_word(text, length, "help"))
		return 0;
	hy__text_append(line, sizeof(line), "libhy: HY_DEBUG: unknown word '%.*s'",
	                length < 64 ? (int)length : 64, text);
	put_line(line, sizeof(line));
	return 0;
}

static unsigned parse_words(const char *text)
{
	unsigned found = 0;
	bool ask = false;

	while (text && *text) {
		size_t length = strcspn(text, ",");

		if (length > 0)
			found |= word_topics(text, length, &ask);
		text += length + (text[length] == ',');
	}
	if (ask)
		print_words();
	return found;
}

static unsigned read_topics(void)
{
	static struct hy__mutex lock = HY__MUTEX_INIT;
	unsigned now;

	hy__mutex_lock(&lock);
	now = atomic_load(&topics);
	if (!(now & TOPICS_READ)) {
		now = TOPICS_READ | parse_words(hy__getenv("HY_DEBUG"));
		atomic_store(&topics, now);
	}
	hy__mutex_unlock(&lock);
	return now;
}

/* --- Messages ---------------------------------------------------------------------- */

static bool is_wanted(unsigned topic)
{
	unsigned now;

	if (atomic_load_explicit(&log_func, memory_order_acquire))
		return true;
	now = atomic_load_explicit(&topics, memory_order_acquire);
	if (!(now & TOPICS_READ))
		now = read_topics();
	return now & topic;
}

static HY_PRINTF(3, 0) void put_message(unsigned topic, const char *backend, const char *format,
                                        va_list args)
{
	hy_log_func func = atomic_load_explicit(&log_func, memory_order_acquire);
	char line[LINE_SIZE] = "";
	size_t i = 0, start;

	/* TOPIC_BACKEND stops at "all". */
	while (words[i].topics != topic && i < WORD_COUNT - 1)
		i++;
	hy__text_append(line, sizeof(line),
	                "libhy: %s: ", topic == TOPIC_BACKEND ? "debug" : words[i].word);
	start = strlen(line);
	if (backend)
		hy__text_append(line, sizeof(line), "%s: ", backend);
	hy__text_append_va(line, sizeof(line), format, args);
	if (!func) {
		put_line(line, sizeof(line));
		return;
	}
	hy__text_one_line(line);
	func(atomic_load(&log_data), words[i].level, line + start);
}

void hy__log(enum hy__topic topic, const char *format, ...)
{
	int err = errno;
	va_list args;

	if (!is_wanted(topic))
		return;
	va_start(args, format);
	put_message(topic, NULL, format, args);
	va_end(args);
	errno = err;
}

void hy__log_backend(enum hy_log_level level, const char *backend, const char *format, va_list args)
{
	int err = errno;
	unsigned topic = TOPIC_BACKEND;

	if (level == HY_LOG_ERROR)
		topic = HY__LOG_ERROR;
	else if (level == HY_LOG_WARN)
		topic = HY__LOG_WARN;
	else if (level == HY_LOG_INFO)
		topic = HY__LOG_INFO;
	if (is_wanted(topic))
		put_message(topic, backend, format, args);
	errno = err;
}

void hy_set_log(hy_log_func log, void *data)
{
	atomic_store(&log_data, data);
	atomic_store_explicit(&log_func, log, memory_order_release);
}
