//! The schemas of the two engines say the same.

use adit_store::{Store, StoreOptions};
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{home, keys};

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_indexes_and_references() {
    let home = home!();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("adit.db").to_str().unwrap().to_owned();
    let store = Store::open(&file, &keys(), StoreOptions::default())
        .await
        .unwrap();
    store.close().await;
    let mut sqlite = SqliteConnection::connect(&file).await.unwrap();
    for (what, in_sqlite, in_postgres) in [
        (
            "columns",
            "SELECT t.name || '.' || c.name || CASE WHEN c.\"notnull\" OR c.pk > 0 THEN ' NOT NULL' ELSE '' END
             FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE '!_%' ESCAPE '!' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'",
            "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '!_%' ESCAPE '!'",
        ),
        (
            "indexes",
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
            "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid)",
        ),
        (
            "references",
            "SELECT t.name || ' (' || group_concat(f.\"from\", ', ' ORDER BY f.seq) || ') to ' || f.\"table\"
                 || ' (' || group_concat(f.\"to\", ', ' ORDER BY f.seq) || ') ' || f.on_delete
             FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f
             WHERE t.type = 'table' GROUP BY t.name, f.id, f.\"table\", f.on_delete",
            "SELECT c.conrelid::regclass || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
                     FROM unnest(c.conkey) WITH ORDINALITY k (number, place)
                     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number)
                 || ') to ' || c.confrelid::regclass || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
                     FROM unnest(c.confkey) WITH ORDINALITY k (number, place)
                     JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number)
                 || ') ' || CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION' ELSE '?' END
             FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
             WHERE c.contype = 'f' AND n.nspname = 'public'",
        ),
    ] {
        let mut of_sqlite: Vec<String> = sqlx::query_scalar(in_sqlite).fetch_all(&mut sqlite).await.unwrap();
        assert!(of_sqlite.len() > 10, "{of_sqlite:?}");
        let mut of_postgres = home.texts(in_postgres).await;
        of_sqlite.sort_unstable();
        of_postgres.sort_unstable();
        assert_eq!(of_sqlite, of_postgres, "{what}");
    }
    sqlite.close().await.unwrap();
}

#[tokio::test]
async fn every_text_compares_by_its_bytes_and_every_number_has_64_bits() {
    let home = home!();
    let strange = home
        .texts(
            "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '!_%' ESCAPE '!'
             AND NOT (data_type = 'text' AND collation_name = 'C')
             AND data_type NOT IN ('bigint', 'boolean', 'bytea', 'uuid')",
        )
        .await;
    assert_eq!(strange, [""; 0]);
}
