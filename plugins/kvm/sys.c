/* SPDX-License-Identifier: MIT */
/* The host's own calls. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

/* What getpwuid_r and getgrgid_r may need for one entry. */
#define NAME_ROOM 4096

static int host_open(const char *path, int flags)
{
	int fd = open(path, flags);

	return fd < 0 ? -errno : fd;
}

static void host_close(int fd)
{
	close(fd);
}

static int host_ioctl(int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

static int map_memory(int fd, size_t size, int flags, void **addr)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*addr = p;
	return 0;
}

static int host_map(int fd, size_t size, void **addr)
{
	return map_memory(fd, size, MAP_SHARED, addr);
}

static int host_map_pages(size_t size, void **addr)
{
	return map_memory(-1, size, MAP_PRIVATE | MAP_ANONYMOUS, addr);
}

static void host_unmap(void *addr, size_t size)
{
	munmap(addr, size);
}

static pid_t host_gettid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static int host_tgkill(pid_t pid, pid_t tid, int signal)
{
	int saved = errno;
	int r = syscall(SYS_tgkill, pid, tid, signal) < 0 ? -errno : 0;

	errno = saved;
	return r;
}

static int host_mask_signals(int how, const sigset_t *set, sigset_t *before)
{
	return -pthread_sigmask(how, set, before);
}

static int host_take_signal(const sigset_t *set)
{
	const struct timespec now = { 0, 0 };
	int signal = sigtimedwait(set, NULL, &now);

	return signal < 0 ? -errno : signal;
}

static int host_read_file(const char *path, char *text, size_t size)
{
	int fd = host_open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	/* Files of /proc come in pieces. */
	while (length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(fd);
	return (int)length;
}

static bool host_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int host_stat_node(const char *path, struct kvm_node *node)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	node->owner = st.st_uid;
	node->group = st.st_gid;
	node->mode = st.st_mode;
	return 0;
}

static void host_user_name(uid_t uid, char *name, size_t size)
{
	char room[NAME_ROOM];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found)
		snprintf(name, size, "%s", found->pw_name);
	else
		snprintf(name, size, "%lu", (unsigned long)uid);
}

static void host_group_name(gid_t gid, char *name, size_t size)
{
	char room[NAME_ROOM];
	struct group entry, *found = NULL;

	if (getgrgid_r(gid, &entry, room, sizeof(room), &found) == 0 && found)
		snprintf(name, size, "%s", found->gr_name);
	else
		snprintf(name, size, "%lu", (unsigned long)gid);
}

static size_t host_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

const struct kvm_sys kvm_sys_host = {
	.open = host_open,
	.close = host_close,
	.ioctl = host_ioctl,
	.map = host_map,
	.map_pages = host_map_pages,
	.unmap = host_unmap,
	.getpid = getpid,
	.gettid = host_gettid,
	.tgkill = host_tgkill,
	.mask_signals = host_mask_signals,
	.take_signal = host_take_signal,
	.read_file = host_read_file,
	.exists = host_exists,
	.stat_node = host_stat_node,
	.user_name = host_user_name,
	.group_name = host_group_name,
	.geteuid = geteuid,
	.page_size = host_page_size,
};

const struct kvm_sys *kvm_sys = &kvm_sys_host;
