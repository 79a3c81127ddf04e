//! Reading, for the ports.

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

pub(crate) use read;
