#include "CStaticShims.h"

// Given by Package.swift where the build says which library it links (deploy/lib.sh).
#ifndef SPEEM_AVAHI_VERSION
#define SPEEM_AVAHI_VERSION unknown
#endif
#define TEXT_OF(token) #token
#define TEXT(macro) TEXT_OF(macro)

const char *speem_avahi_client_version(void) { return TEXT(SPEEM_AVAHI_VERSION); }
