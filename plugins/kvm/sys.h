/* SPDX-License-Identifier: MIT */
/*
 * Every call that the plugin makes to the host goes through this table, so
 * that tests can stand in for the kernel and make each call fail.
 *
 * Functions return what the call returns, or a negative errno value; none
 * leaves its result in errno.
 */
#ifndef HY_KVM_SYS_H
#define HY_KVM_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whose a device node is, and who may use it. */
struct kvm_node {
	uid_t owner;
	gid_t group;
	mode_t mode;
};

struct kvm_sys {
	int (*open)(const char *path, int flags);
	void (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	int (*map)(int fd, size_t size, void **addr);
	/* Zeroed pages of no file. */
	int (*map_pages)(size_t size, void **addr);
	/* For both. */
	void (*unmap)(void *addr, size_t size);

	pid_t (*getpid)(void);
	pid_t (*gettid)(void);
	/* Async-signal-safe; leaves errno alone. */
	int (*tgkill)(pid_t pid, pid_t tid, int signal);
	int (*mask_signals)(int how, const sigset_t *set, sigset_t *before);
	/* Takes one pending signal of `set` without waiting; its number or -EAGAIN. */
	int (*take_signal)(const sigset_t *set);

	/* The beginning of a file as a string, cut to `size`; its length. */
	int (*read_file)(const char *path, char *text, size_t size);
	bool (*exists)(const char *path);
	int (*stat_node)(const char *path, struct kvm_node *node);
	/* The name, or the number when there is none. */
	void (*user_name)(uid_t uid, char *name, size_t size);
	void (*group_name)(gid_t gid, char *name, size_t size);
	uid_t (*geteuid)(void);
	size_t (*page_size)(void);
};

/* Tests put another table here before they call anything else. */
extern const struct kvm_sys *kvm_sys;
extern const struct kvm_sys kvm_sys_host;

#endif /* HY_KVM_SYS_H */
