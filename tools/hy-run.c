/* SPDX-License-Identifier: MIT */
/* hy-run: runs one x86 guest on one vCPU, with a few devices of a PC. */
#include "hy-run.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <hy/x86.h>

#include "parse.h"

#define MEMORY_DEFAULT (UINT64_C(64) << 20)
#define MEMORY_MIN (UINT64_C(64) << 10)
#define MEMORY_MIN_FIRMWARE (UINT64_C(1) << 20)
#define MEMORY_MAX (UINT64_C(3) << 30) /* firmware and a PC's devices are above */
#define FLAT_DEFAULT 0x7c00
#define FLAT_END UINT64_C(0x100000) /* of what real mode reaches */

static const char usage[] =
	"usage: hy-run [--backend LIST] [--memory SIZE] [--timeout SECONDS]\n"
	"              [--flat ADDRESS | --firmware [--shadow]] [--trace] IMAGE\n"
	"\n"
	"Runs one x86 guest on one vCPU; its serial port COM1 is standard input and\n"
	"output.\n"
	"\n"
	"  -b, --backend LIST     use this backend, as in HY_BACKEND\n"
	"  -m, --memory SIZE      guest memory: a number with K, M or G (64M)\n"
	"  -t, --timeout SECONDS  end the run after this time\n"
	"  -f, --flat ADDRESS     load IMAGE at ADDRESS and start there, in real mode\n"
	"                         (0x7c00)\n"
	"  -F, --firmware         load IMAGE at the end of 4 GiB and start at the reset\n"
	"                         vector\n"
	"  -S, --shadow           let the guest write to the firmware, as to shadow RAM\n"
	"  -T, --trace            write every exit to standard error\n"
	"  -h, --help             show this help\n"
	"  -V, --version          show the version\n"
	"\n"
	"Status: 0 the guest halted, odd: value written to port 0xf4 * 2 + 1, 2 usage\n"
	"or unusable image, 64 triple fault, 66 fault, 68 timeout, 70 failure of the\n"
	"library or system, 72 no usable backend, 74 halted for ever with interrupts\n"
	"on, 128 + number of a signal.\n";

static struct hy_vcpu *volatile signal_vcpu; /* NULL: not to be kicked */
static volatile sig_atomic_t signal_number;

void complain(const char *format, ...)
{
	va_list args;

	fputs("hy-run: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int complain_hy(int status)
{
	const struct hy_error *error = hy_error();

	complain("%s", error->text);
	if (error->hint[0])
		complain("help: %s", error->hint);
	return status;
}

/* --- Options --------------------------------------------------------------------- */

static int usage_error(void)
{
	fputs("Try 'hy-run --help'.\n", stderr);
	return STATUS_USAGE;
}

static int bad_value(const char *option, const char *value, const char *wanted)
{
	complain("%s %s: %s", option, value, wanted);
	return usage_error();
}

static int set_timeout(struct settings *settings, const char *text)
{
	if (!parse_seconds(text, &settings->timeout) || settings->timeout == 0)
		return bad_value("--timeout", text, "must be seconds, more than 0, as 10 or 0.5");
	return 0;
}

static int set_memory(struct settings *settings, const char *text)
{
	if (!parse_size(text, &settings->memory))
		return bad_value("--memory", text, "must be a size, as 65536, 512K, 64M or 1G");
	if (settings->memory < MEMORY_MIN || settings->memory > MEMORY_MAX)
		return bad_value("--memory", text, "must be from 64K to 3G");
	return 0;
}

static int set_address(struct settings *settings, const char *text)
{
	if (!parse_address(text, &settings->address))
		return bad_value("--flat", text, "must be an address, as 0x7c00");
	if (settings->address >= FLAT_END)
		return bad_value("--flat", text, "must be below 0x100000, where real mode ends");
	return 0;
}

static int check_settings(const struct settings *settings, bool flat)
{
	if (flat && settings->firmware) {
		complain("--flat and --firmware exclude each other");
		return usage_error();
	}
	if (settings->shadow && !settings->firmware) {
		complain("--shadow goes with --firmware");
		return usage_error();
	}
	if (settings->firmware && settings->memory < MEMORY_MIN_FIRMWARE) {
		complain("--firmware needs --memory of 1M or more");
		return usage_error();
	}
	if (!settings->firmware && settings->address >= settings->memory) {
		complain("--flat 0x%" PRIx64 " is beyond the end of memory, 0x%" PRIx64,
		         settings->address, settings->memory);
		return usage_error();
	}
	return 0;
}

static int parse_image(int argc, char **argv, struct settings *settings)
{
	if (argc - optind == 1) {
		settings->image = argv[optind];
		return 0;
	}
	if (optind == argc)
		complain("IMAGE is missing");
	else
		complain("one IMAGE is enough, and '%s' is another", argv[optind + 1]);
	return usage_error();
}

/* Prints what --help and --version ask for, and ends the program. */
static void print_and_exit(const char *text)
{
	int ok = fputs(text, stdout) >= 0 && fflush(stdout) == 0;

	exit(ok ? STATUS_HALTED : STATUS_FAILED);
}

static int parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "memory", required_argument, NULL, 'm' },
		{ "timeout", required_argument, NULL, 't' },
		{ "flat", required_argument, NULL, 'f' },
		{ "firmware", no_argument, NULL, 'F' },
		{ "shadow", no_argument, NULL, 'S' },
		{ "trace", no_argument, NULL, 'T' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	bool flat = false;
	int option, status = 0;

	while (status == 0 && (option = getopt_long(argc, argv, "b:m:t:f:FSThV", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			settings->backend = optarg;
			break;
		case 'm':
			status = set_memory(settings, optarg);
			break;
		case 't':
			status = set_timeout(settings, optarg);
			break;
		case 'f':
			flat = true;
			status = set_address(settings, optarg);
			break;
		case 'F':
			settings->firmware = true;
			break;
		case 'S':
			settings->shadow = true;
			break;
		case 'T':
			settings->trace = true;
			break;
		case 'h':
			print_and_exit(usage);
			break;
		case 'V':
			printf("hy-run (libhy) %s\n", hy_version());
			print_and_exit("");
			break;
		default: /* getopt_long has complained */
			return usage_error();
		}
	}
	if (status == 0)
		status = parse_image(argc, argv, settings);
	if (status == 0)
		status = check_settings(settings, flat);
	return status;
}

/* --- The backend ------------------------------------------------------------------- */

static size_t count_usable(const struct hy_report *report)
{
	const struct hy_candidate *candidate;
	size_t usable = 0;

	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++)
		usable += candidate->stage == HY_STAGE_USABLE;
	return usable;
}

/* Says which backend it is and why this one. */
static void announce(const struct settings *settings, const struct hy_host *host)
{
	const struct hy_candidate *chosen = hy_host_backend(host);
	const char *variable = getenv("HY_BACKEND");

	fprintf(stderr, "hy-run: backend %s (%s): chosen because ", chosen->name, chosen->summary);
	if (settings->backend)
		fprintf(stderr, "of --backend %s\n", settings->backend);
	else if (variable && variable[0])
		fprintf(stderr, "of HY_BACKEND=%s\n", variable);
	else if (count_usable(hy_host_report(host)) == 1)
		fprintf(stderr, "it is the only usable one\n");
	else
		fprintf(stderr, "its priority, %" PRIu32 ", is the highest\n", chosen->priority);
}

static int open_host(const struct settings *settings, struct hy_host **host)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	int rc;

	options.backend = settings->backend;
	rc = hy_host_open(&options, host);
	if (rc == HY_E_INVALID)
		return complain_hy(STATUS_USAGE);
	if (rc != 0)
		return complain_hy(STATUS_NO_BACKEND);
	announce(settings, *host);
	return 0;
}

/* --- Signals -------------------------------------------------------------------------- */

static void handle_signal(int number)
{
	signal_number = number;
	if (signal_vcpu)
		hy_vcpu_kick(signal_vcpu);
}

/* A second signal of the same kind has its default action, should the first get stuck. */
static void catch_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction action = { .sa_flags = (int)SA_RESETHAND };
	struct sigaction before;

	action.sa_handler = handle_signal;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);

	/* A reader that is gone is an error of write(), told as such. */
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static bool can_kick_by_signal(const struct hy_host *host)
{
	struct hy_cap cap;

	return hy_host_cap(host, HY_CAP_SIGNAL_KICK, &cap) == 0 && cap.how != HY_CAP_ABSENT;
}

/* --- The run ------------------------------------------------------------------------------ */

static int run_vcpu(const struct settings *settings, const struct hy_host *host, struct hy_vcpu *vcpu)
{
	struct console console;
	struct uart_line line = { .get = console_get, .put = console_put, .data = &console };
	struct pc pc;
	struct run run = { .vcpu = vcpu,
		           .pc = &pc,
		           .console = &console,
		           .signal = &signal_number,
		           .kick_by_signal = can_kick_by_signal(host),
		           .deadline = UINT64_MAX,
		           .trace = settings->trace };
	int status;

	if (settings->timeout)
		run.deadline = hy_now() + settings->timeout;
	pc_init(&pc, settings->memory, &line, hy_now);
	signal_vcpu = run.kick_by_signal ? vcpu : NULL;
	catch_signals();
	console_open(&console, &signal_number, run.deadline);

	status = run_guest(&run);

	signal_vcpu = NULL;
	console_close(&console);
	return status;
}

static int run_vm(const struct settings *settings, const struct image *image, struct hy_host *host,
                  struct hy_vm *vm)
{
	struct hy_vcpu *vcpu;
	int status;

	status = image_load(settings, image, host, vm);
	if (status != 0)
		return status;
	if (hy_vcpu_create(vm, NULL, &vcpu) != 0)
		return complain_hy(STATUS_FAILED);
	status = image_start(settings, vcpu);
	if (status == 0)
		status = run_vcpu(settings, host, vcpu);
	hy_vcpu_destroy(vcpu);
	return status;
}

static int run_host(const struct settings *settings, const struct image *image, struct hy_host *host)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;
	int status;

	options.arch = HY_ARCH_X86_64;
	if (hy_vm_create(host, &options, &vm) != 0)
		return complain_hy(STATUS_FAILED);
	status = run_vm(settings, image, host, vm);
	hy_vm_destroy(vm);
	return status;
}

static int run_image(const struct settings *settings)
{
	struct image image;
	struct hy_host *host;
	int status;

	status = image_read(settings, &image);
	if (status != 0)
		return status;
	status = open_host(settings, &host);
	if (status != 0)
		goto err_free_image;
	status = run_host(settings, &image, host);
	hy_host_close(host);

err_free_image:
	image_free(&image);
	return status;
}

int main(int argc, char **argv)
{
	struct settings settings = { .memory = MEMORY_DEFAULT, .address = FLAT_DEFAULT };
	int status;

	status = parse_options(argc, argv, &settings);
	return status != 0 ? status : run_image(&settings);
}
