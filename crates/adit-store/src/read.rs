//! Reading and writing, for the ports.

/// Runs a read on a reader's connection, in one transaction: what it reads belongs together.
macro_rules! read {
    ($store:expr, $doing:literal, |$connection:ident| $work:expr) => {{
        let mut reader = $store.reader($doing).await?;
        let $connection = &mut reader;
        let result = $work.await.map_err($crate::failure::during($doing))?;
        reader
            .finish()
            .await
            .map_err(|error| $crate::failure::store_error($doing, $crate::failure::Cause::Sql(error)))?;
        result
    }};
}

/// Runs a change in a transaction: `$tx` and `$actor` are what it works with.
macro_rules! change {
    ($store:expr, $doing:literal, $given:expr, |$tx:ident, $actor:ident| $work:expr) => {{
        let $actor = adit_core::port::Actor::clone($given);
        let work = $store.writer.write($doing, move |mut tx| {
            Box::pin(async move {
                let ($tx, $actor) = (&mut tx, &$actor);
                $work.await
            })
        });
        work.await
    }};
}

pub(crate) use {change, read};
