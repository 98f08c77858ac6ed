/* The container's health check: there is no curl in the image. */
#ifndef CLOISTER_HEALTH_H
#define CLOISTER_HEALTH_H

#include "options.h"

/* Asks GET /health over the socket. 0 where the answer is 200 with {"status":"ok"} in time, else 1 and a sentence. */
int check_health(const struct health_options *options);

#endif
