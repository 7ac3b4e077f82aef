/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite_check.c - what a store in a file promises, for an operator. */
#include "store/store_sqlite.h"

#include <string.h>

static enum status pragma(struct sqlite_store *self, const char *sql, char *text,
                          size_t size, struct error_text *error)
{
    sqlite3_stmt *statement = NULL;
    bool found;
    text[0] = '\0';
    sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    enum status status = sqlite_row(self, statement, &found, error);
    if (found)
        sqlite_text(statement, 0, text, size);
    sqlite3_finalize(statement);
    return status;
}

enum status sqlite_check(struct store *base, const struct findings *findings,
                         struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    char mode[16], synchronous[16], format[16], sound[128];
    enum status status = pragma(self, "PRAGMA journal_mode", mode, sizeof mode, error);
    if (status == STATUS_OK)
        status =
            pragma(self, "PRAGMA synchronous", synchronous, sizeof synchronous, error);
    if (status == STATUS_OK)
        status = pragma(self, "PRAGMA user_version", format, sizeof format, error);
    if (status == STATUS_OK)
        status = pragma(self, "PRAGMA quick_check(1)", sound, sizeof sound, error);
    if (status != STATUS_OK)
        return status;
    bool full = strcmp(synchronous, "2") == 0;
    findings_add(findings, "store", false, "sqlite:%s", self->path);
    findings_add(findings, "kind", false,
                 "SQLite %s, one file for one machine; format %s", sqlite3_libversion(),
                 format);
    findings_add(findings, "journal", strcmp(mode, "wal") != 0 || !full,
                 "journal_mode %s, synchronous %s: %s", mode, full ? "FULL" : synchronous,
                 full ? "neither a crash nor a power cut loses what was acknowledged"
                      : "a power cut may lose what was acknowledged");
    findings_add(findings, "file", strcmp(sound, "ok") != 0, "%s",
                 strcmp(sound, "ok") == 0 ? "sound (quick_check)" : sound);
    return STATUS_OK;
}
