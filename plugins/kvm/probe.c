/* SPDX-License-Identifier: MIT */
/* Whether KVM can be used here; if not, why, and what the user can do. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kvm.h"

/* Enough of /proc/cpuinfo for the first processor. */
#define CPUINFO_ROOM 8192
#define NAME_ROOM 33

/* The only API version since Linux 2.6.22, by KVM's documentation. */
#define API_VERSION 12

/* --- What the machine is ----------------------------------------------------- */

struct machine {
	char cpuinfo[CPUINFO_ROOM];
	bool has_flag;  /* vmx or svm */
	bool is_amd;
	bool is_guest;
	bool is_container;
	bool is_wsl;
};

/* Whether `word` stands in the text on its own. */
static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	const char *p = text;

	while ((p = strstr(p, word))) {
		bool begins = p == text || p[-1] == ' ' || p[-1] == '\t';
		bool ends = p[length] == ' ' || p[length] == '\n' || p[length] == '\0';

		if (begins && ends)
			return true;
		p += length;
	}
	return false;
}

static void look_around(struct machine *m)
{
	char version[256];

	memset(m, 0, sizeof(*m));
	if (kvm_sys->read_file("/proc/cpuinfo", m->cpuinfo, sizeof(m->cpuinfo)) < 0)
		m->cpuinfo[0] = '\0';
	if (kvm_sys->read_file("/proc/version", version, sizeof(version)) < 0)
		version[0] = '\0';
	m->is_amd = has_word(m->cpuinfo, "AuthenticAMD") || has_word(m->cpuinfo, "HygonGenuine");
	m->has_flag = has_word(m->cpuinfo, "vmx") || has_word(m->cpuinfo, "svm");
	m->is_guest = has_word(m->cpuinfo, "hypervisor");
	m->is_container = kvm_sys->exists("/.dockerenv") || kvm_sys->exists("/run/.containerenv");
	m->is_wsl = strstr(version, "microsoft") || strstr(version, "Microsoft");
}

/* --- Texts --------------------------------------------------------------------- */

static const struct {
	int err;
	const char *name;
	const char *text;
} errors[] = {
	{ EPERM, "EPERM", "Operation not permitted" },
	{ ENOENT, "ENOENT", "No such file or directory" },
	{ EIO, "EIO", "Input/output error" },
	{ ENXIO, "ENXIO", "No such device or address" },
	{ ENOMEM, "ENOMEM", "Cannot allocate memory" },
	{ EACCES, "EACCES", "Permission denied" },
	{ EBUSY, "EBUSY", "Device or resource busy" },
	{ ENODEV, "ENODEV", "No such device" },
	{ EINVAL, "EINVAL", "Invalid argument" },
	{ ENFILE, "ENFILE", "Too many open files in system" },
	{ EMFILE, "EMFILE", "Too many open files" },
	{ ENOTTY, "ENOTTY", "Inappropriate ioctl for device" },
};

/* "Permission denied (EACCES)", the same in every locale. */
static void describe(int err, char *text, size_t size)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].err == err) {
			snprintf(text, size, "%s (%s)", errors[i].text, errors[i].name);
			return;
		}
	}
	snprintf(text, size, "error %d", err);
}

/* "crw-rw----" */
static void describe_mode(mode_t mode, char text[11])
{
	static const char letters[] = "rwxrwxrwx";

	text[0] = S_ISCHR(mode) ? 'c' : '-';
	for (unsigned i = 0; i < 9; i++)
		text[i + 1] = mode & (0400u >> i) ? letters[i] : '-';
	text[10] = '\0';
}

/* The text must have room for what `format` makes; a cut one is still a text. */
HY_PRINTF(5, 6)
static void answer(struct hy_probe *probe, enum hy_probe_status status, int err, const char *hint,
                   const char *format, ...)
{
	va_list args;

	probe->status = status;
	probe->host_code = err;
	snprintf(probe->hint, sizeof(probe->hint), "%s", hint);
	va_start(args, format);
	vsnprintf(probe->reason, sizeof(probe->reason), format, args);
	va_end(args);
}

/* --- Opening the device ------------------------------------------------------------ */

static void explain_no_node(struct hy_probe *probe, const char *what)
{
	struct machine m;
	const char *module;

	look_around(&m);
	module = m.is_amd ? "kvm_amd" : "kvm_intel";
	if (m.is_wsl) {
		answer(probe, HY_PROBE_NO_DEVICE, ENOENT,
		       "put nestedVirtualization=true under [wsl2] in %UserProfile%\\.wslconfig, "
		       "run `wsl --shutdown`, start again (needs Windows 11)",
		       "open " KVM_DEVICE ": %s, under WSL", what);
	} else if (!m.has_flag && m.is_guest) {
		answer(probe, HY_PROBE_NO_DEVICE, ENOENT,
		       "turn on nested virtualization for this virtual machine at its host",
		       "open " KVM_DEVICE ": %s: this is a virtual machine without the "
		       "processor's vmx or svm", what);
	} else if (!m.has_flag) {
		answer(probe, HY_PROBE_NO_DEVICE, ENOENT,
		       "turn on Intel VT-x or AMD-V (SVM) in the firmware's setup",
		       "open " KVM_DEVICE ": %s: the processor shows neither vmx nor svm", what);
	} else if (m.is_container) {
		answer(probe, HY_PROBE_NO_DEVICE, ENOENT,
		       "start the container with --device /dev/kvm",
		       "open " KVM_DEVICE ": %s, in a container", what);
	} else {
		char hint[64];

		snprintf(hint, sizeof(hint), "sudo modprobe %s", module);
		answer(probe, HY_PROBE_NO_DEVICE, ENOENT, hint,
		       "open " KVM_DEVICE ": %s: the module %s isn't loaded", what, module);
	}
}

static void hint_permission(const struct kvm_node *node, const char *group, const char *user,
                            char *hint, size_t size)
{
	const mode_t group_access = S_IRGRP | S_IWGRP;

	if (node->group == 0 || (node->mode & group_access) != group_access)
		snprintf(hint, size,
		         "sudo chown root:kvm " KVM_DEVICE " && sudo chmod 660 " KVM_DEVICE
		         ", or load the udev rules (sudo udevadm trigger " KVM_DEVICE "); "
		         "then: sudo usermod -aG kvm %s, and log in again", user);
	else
		snprintf(hint, size, "sudo usermod -aG %s %s, then log in again", group, user);
}

static void explain_permission(struct hy_probe *probe, int err, const char *what)
{
	struct kvm_node node;
	char owner[NAME_ROOM], group[NAME_ROOM], user[NAME_ROOM], mode[11];
	char hint[sizeof(probe->hint)];
	struct machine m;

	look_around(&m);
	/* The devices cgroup answers EPERM whatever the node's mode says. */
	if (err == EPERM && m.is_container) {
		answer(probe, HY_PROBE_NO_PERMISSION, err,
		       "start the container with --device /dev/kvm",
		       "open " KVM_DEVICE ": %s, in a container", what);
		return;
	}
	if (kvm_sys->stat_node(KVM_DEVICE, &node) < 0) {
		answer(probe, HY_PROBE_NO_PERMISSION, err, "", "open " KVM_DEVICE ": %s", what);
		return;
	}
	kvm_sys->user_name(node.owner, owner, sizeof(owner));
	kvm_sys->group_name(node.group, group, sizeof(group));
	kvm_sys->user_name(kvm_sys->geteuid(), user, sizeof(user));
	describe_mode(node.mode, mode);
	hint_permission(&node, group, user, hint, sizeof(hint));
	answer(probe, HY_PROBE_NO_PERMISSION, err, hint,
	       "open " KVM_DEVICE ": %s: the node is %s %s:%s, the user %s", what, mode, owner,
	       group, user);
}

void kvm_explain_open(struct hy_probe *probe, int err)
{
	char what[64];

	describe(err, what, sizeof(what));
	switch (err) {
	case ENOENT:
		explain_no_node(probe, what);
		break;
	case EACCES:
	case EPERM:
		explain_permission(probe, err, what);
		break;
	case ENODEV:
	case ENXIO:
		answer(probe, HY_PROBE_DISABLED, err,
		       "see `sudo dmesg | grep kvm`; \"disabled by bios\": turn on Intel VT-x or "
		       "AMD-V (SVM) in the firmware's setup",
		       "open " KVM_DEVICE ": %s: nothing is behind the node", what);
		break;
	case EBUSY:
		answer(probe, HY_PROBE_BUSY, err,
		       "stop the other hypervisor (VirtualBox, VMware) and try again",
		       "open " KVM_DEVICE ": %s", what);
		break;
	case EMFILE:
	case ENFILE:
		answer(probe, HY_PROBE_ERROR, err, "close files, or raise the limit (ulimit -n)",
		       "open " KVM_DEVICE ": %s", what);
		break;
	default:
		answer(probe, HY_PROBE_ERROR, err, "", "open " KVM_DEVICE ": %s", what);
	}
}

/* --- What the kernel offers ------------------------------------------------------ */

static bool check_version(struct hy_probe *probe, int fd)
{
	int version = kvm_sys->ioctl(fd, KVM_GET_API_VERSION, NULL);
	char what[64];

	if (version == API_VERSION)
		return true;
	if (version < 0) {
		describe(-version, what, sizeof(what));
		answer(probe, HY_PROBE_ERROR, -version, "", "KVM_GET_API_VERSION: %s", what);
	} else {
		answer(probe, HY_PROBE_TOO_OLD, 0, "use another Linux kernel",
		       "KVM_GET_API_VERSION: %d, needed is %d", version, API_VERSION);
	}
	return false;
}

static bool check_required(struct hy_probe *probe, int fd)
{
	for (const struct kvm_required *r = kvm_arch_required; r->name; r++) {
		int value = kvm_check(fd, r->cap);

		if (value > 0 && (value & r->bits) == r->bits)
			continue;
		answer(probe, HY_PROBE_TOO_OLD, 0, "use Linux 4.17 or newer",
		       "KVM_CHECK_EXTENSION: this kernel lacks %s", r->name);
		return false;
	}
	return true;
}

void kvm_probe(struct hy_probe *probe)
{
	int fd = kvm_sys->open(KVM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		kvm_explain_open(probe, -fd);
		return;
	}
	if (check_version(probe, fd) && check_required(probe, fd))
		probe->status = HY_PROBE_OK;
	kvm_sys->close(fd);
}
