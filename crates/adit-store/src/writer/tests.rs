use adit_core::port::CatalogError;

use super::*;
use crate::{place::run_migrations, tx::Object};

/// A writer on a database with one table, and a reader beside it.
struct Bench {
    writer: Writer,
    reader: crate::engine::Pool,
    newest: watch::Receiver<ChangeNumber>,
    owner: JoinSet<()>,
    _keep: Box<dyn std::any::Any>,
}

impl Bench {
    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(directory.path().join("adit.db"));
        let notes = "CREATE TABLE notes (id INTEGER PRIMARY KEY,
                 parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
        Self::at(place, notes, directory).await
    }

    /// None where there is no PostgreSQL.
    async fn postgres(test: &str) -> Option<Self> {
        let server = match adit_testing::postgres::shared() {
            Ok(server) => server,
            Err(reason) => {
                adit_testing::skip(test, reason);
                return None;
            }
        };
        let database = server.database();
        let place = Place::parse(database.url()).ok()?;
        let notes = "CREATE TABLE notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                 parent BIGINT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
        Some(Self::at(place, notes, database).await)
    }

    async fn at(place: Place, notes: &'static str, keep: impl std::any::Any) -> Self {
        place.prepare().unwrap();
        let mut connection = place.connect_writer().await.unwrap();
        run_migrations(&mut connection, place.migrations()).await.unwrap();
        for table in ["CREATE TABLE parents (id BIGINT PRIMARY KEY)", notes] {
            query(table).execute(&mut connection).await.unwrap();
        }
        let reader = place.connect_readers().await.unwrap();
        let (publish, newest) = watch::channel(ChangeNumber(0));
        let mut owner = JoinSet::new();
        let parts = WriterParts {
            place,
            connection,
            clock: Clock::default(),
            ids: crate::ids::Ids::default(),
            changes_kept: 10,
            newest: publish,
        };
        let writer = Writer::start(parts, &mut owner);
        Self {
            writer,
            reader,
            newest,
            owner,
            _keep: Box::new(keep),
        }
    }

    /// Runs a statement as a write of its own.
    async fn run(&self, statement: &'static str) -> Result<(), CatalogError> {
        let work = self.writer.write("run a statement", move |tx| {
            Box::pin(async move {
                query(statement).execute(&mut *tx.connection).await?;
                Ok(())
            })
        });
        work.await
    }

    async fn committed(&self) -> i64 {
        count(&mut self.reader.reader().await.unwrap()).await.unwrap()
    }
}

async fn count(connection: &mut Connection) -> sqlx::Result<i64> {
    query("SELECT COUNT(*) FROM notes").scalar(connection).await
}

async fn writes_that_queue_up_share_a_transaction(bench: Bench) {
    let mut work = JoinSet::new();
    for _ in 0..200 {
        let (writer, reader) = (bench.writer.clone(), bench.reader.clone());
        work.spawn(async move {
            // How many rows of the transaction nobody outside can see yet.
            let together = writer.write::<i64, StoreError, _>("add a note", move |tx| {
                Box::pin(async move {
                    query("INSERT INTO notes (parent) VALUES (NULL)")
                        .execute(&mut *tx.connection)
                        .await?;
                    Ok(count(tx.connection).await? - count(&mut reader.reader().await?).await?)
                })
            });
            together.await.unwrap()
        });
    }
    let together = work.join_all().await;
    assert!(
        together.iter().any(|&rows| rows > 1),
        "each write had a transaction of its own"
    );
    assert!(
        together.iter().all(|&rows| rows <= 64),
        "too many in one transaction"
    );
    assert_eq!(bench.committed().await, 200);
}

async fn a_refused_write_is_undone_alone(bench: Bench) {
    let refused = bench.writer.write::<(), CatalogError, _>("add and refuse", |tx| {
        Box::pin(async move {
            query("INSERT INTO notes (parent) VALUES (NULL)")
                .execute(&mut *tx.connection)
                .await?;
            Err(Failure::Refused(CatalogError::NoTunnel))
        })
    });
    let kept = bench.run("INSERT INTO notes (parent) VALUES (NULL)");
    let (refused, kept) = tokio::join!(refused, kept);
    assert!(matches!(refused, Err(CatalogError::NoTunnel)));
    kept.unwrap();
    assert_eq!(bench.committed().await, 1);
}

async fn a_commit_that_fails_is_told_to_every_caller_and_the_writer_goes_on(bench: Bench) {
    // The missing parent is noticed at the commit.
    let orphan = bench.run("INSERT INTO notes (parent) VALUES (7)");
    let innocent = bench.run("INSERT INTO notes (parent) VALUES (NULL)");
    let (orphan, innocent) = tokio::join!(orphan, innocent);
    let error = orphan.unwrap_err();
    assert!(error.to_string().contains("run a statement"), "{error}");
    let acknowledged = i64::from(innocent.is_ok());
    assert_eq!(
        bench.committed().await,
        acknowledged,
        "written is what was acknowledged"
    );

    bench
        .run("INSERT INTO notes (parent) VALUES (NULL)")
        .await
        .unwrap();
    assert_eq!(bench.committed().await, acknowledged + 1);
}

async fn a_transaction_that_ends_behind_the_drivers_back_is_told_and_survived(bench: Bench) {
    // What SQLite does by itself when the disk is full.
    bench.run("ROLLBACK").await.unwrap_err();
    bench
        .run("INSERT INTO notes (parent) VALUES (NULL)")
        .await
        .unwrap();
    assert_eq!(bench.committed().await, 1);
}

async fn what_a_lost_commit_wrote_is_published_all_the_same(bench: Bench) {
    // As a server that commits and dies before it says so.
    let lost = bench
        .writer
        .write::<(), StoreError, _>("change and commit", |mut tx| {
            Box::pin(async move {
                let host = adit_model::HostPattern::Exact("a.example".parse().unwrap());
                tx.changed(Object::Host(host)).await?;
                query("COMMIT").execute(&mut *tx.connection).await?;
                Ok(())
            })
        });
    lost.await.unwrap_err();
    assert_eq!(*bench.newest.borrow(), ChangeNumber(1));
    bench
        .run("INSERT INTO notes (parent) VALUES (NULL)")
        .await
        .unwrap();
    assert_eq!(*bench.newest.borrow(), ChangeNumber(1));
}

async fn a_stopped_writer_finishes_what_is_queued_and_refuses_the_rest(mut bench: Bench) {
    let queued: Vec<_> = (0..10)
        .map(|_| bench.run("INSERT INTO notes (parent) VALUES (NULL)"))
        .collect();
    let mut queued: Vec<_> = queued.into_iter().map(Box::pin).collect();
    for write in &mut queued {
        let waits =
            std::future::poll_fn(|context| std::task::Poll::Ready(write.as_mut().poll(context))).await;
        assert!(waits.is_pending());
    }
    bench.writer.stop();
    for write in queued {
        write.await.unwrap();
    }
    bench
        .run("INSERT INTO notes (parent) VALUES (NULL)")
        .await
        .unwrap_err();
    while bench.owner.join_next().await.is_some() {}
    assert_eq!(bench.committed().await, 10);
}

/// Each of these tests on both engines.
macro_rules! on_both_engines {
    ($($test:ident)+) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Bench::sqlite().await).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(bench) = super::Bench::postgres(stringify!($test)).await {
                    super::$test(bench).await;
                }
            })+
        }
    };
}

on_both_engines! {
    writes_that_queue_up_share_a_transaction
    a_refused_write_is_undone_alone
    a_commit_that_fails_is_told_to_every_caller_and_the_writer_goes_on
    a_transaction_that_ends_behind_the_drivers_back_is_told_and_survived
    what_a_lost_commit_wrote_is_published_all_the_same
    a_stopped_writer_finishes_what_is_queued_and_refuses_the_rest
}
