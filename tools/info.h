/* SPDX-License-Identifier: MIT */
/* What hy-info tells, gathered once and shown as text or JSON. */
#ifndef TOOLS_INFO_H
#define TOOLS_INFO_H

#include <hy/hy.h>

#include "json.h"

/* Ids of features are below, those of limits from here to the end. */
#define INFO_FIRST_LIMIT 64
#define INFO_CAP_END 128

/* All there is to tell. */
struct info {
	struct hy_host *host;           /* NULL: none could be opened */
	struct hy_report *own_report;   /* ours to free */
	const struct hy_report *report; /* what to show; NULL: not even that */
	const struct hy_error *error;   /* of opening; NULL with a host */
};

void info_gather(struct info *info, const struct hy_host_options *options);
void info_release(struct info *info);

/* Iterate over the candidates and directories, of which there may be none. */
const struct hy_candidate *info_candidate(const struct info *info, size_t i);
const struct hy_search_dir *info_dir(const struct info *info, size_t i);
/* The next capability from `id` on and below `end`; 0: there is none. */
uint32_t info_next_cap(const struct info *info, uint32_t id, uint32_t end, struct hy_cap *cap);

const char *info_stage_name(uint32_t stage);
const char *info_probe_name(uint32_t status);
const char *info_how_name(uint32_t how);

/* Everything, as members of the object at hand; the keys are in hy-info(1). */
void info_json(struct json *json, const struct info *info);

#endif /* TOOLS_INFO_H */
