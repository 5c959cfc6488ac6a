/* SPDX-License-Identifier: MIT */
/* A child process that runs cases. */
#ifndef DIFFERENTIAL_WORKER_H
#define DIFFERENTIAL_WORKER_H

#include "differential.h"

/* In the child, `open` is called once and `run` for each case. */
void df_worker_run(bool (*open)(void), void (*run)(const struct df_case *c, struct df_result *result),
                   const struct df_case *cases, struct df_result *results, size_t count);
/* The next case gets a new child. */
void df_worker_renew(void);
void df_worker_close(void);

#endif /* DIFFERENTIAL_WORKER_H */
