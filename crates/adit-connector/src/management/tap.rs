//! Where log lines for a viewer are taken from: the events of the process, while somebody listens and only then.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use adit_model::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::asked::Filters;
use super::line::{Gravity, Line, Subject};
use super::queue::Queue;

/// Whose events are shown. Those of transports would make lines of every packet that a line leaves with.
const OWN: &str = "adit";
/// Whose are not, since they are about the stream itself.
const STREAM: &str = "adit_connector::management";
/// The most fields of a line.
const MAX_FIELDS: usize = 32;
/// The most bytes of one field, or of the message.
const MAX_TEXT: usize = 4096;

/// Takes log lines of the process for one viewer at a time. Cheap to clone.
///
/// [`LogTap::layer`] goes to the process's subscriber. While nobody listens, no event is built for it.
#[derive(Clone, Debug, Default)]
pub struct LogTap(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether events come here at all.
    open: AtomicBool,
    /// Whether somebody wants them.
    listening: AtomicBool,
    viewers: AtomicU64,
    stream: Mutex<Option<Stream>>,
}

/// A viewer, whether lines flow or not.
#[derive(Debug)]
pub(super) struct Viewer {
    tap: LogTap,
    number: u64,
    actor: String,
    pub(super) lines: Arc<Queue>,
    /// Another viewer of the same actor has taken the stream over.
    pub(super) replaced: CancellationToken,
}

#[derive(Debug)]
struct Stream {
    viewer: u64,
    actor: String,
    filters: Filters,
    lines: Arc<Queue>,
    replaced: CancellationToken,
}

/// Lines flow to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken;

impl LogTap {
    /// One that nobody listens to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What goes to the process's subscriber, beside the layers that write its log.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        Tapping(self.clone()).with_filter(WhileOpen(self.clone()))
    }

    pub(super) fn viewer(&self, actor: String) -> Viewer {
        Viewer {
            number: self.0.viewers.fetch_add(1, Ordering::Relaxed),
            tap: self.clone(),
            actor,
            lines: Arc::default(),
            replaced: CancellationToken::new(),
        }
    }

    fn take(&self, event: &Event<'_>) {
        if !self.0.listening.load(Ordering::Acquire) {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let gravity = match said.fields.contains_key("error") {
            true => Gravity::Error,
            false => gravity(*event.metadata().level()),
        };
        let stream = self.0.stream.lock();
        let Some(stream) = &*stream else {
            return;
        };
        if !stream.filters.want(gravity, said.subject, rand::random) {
            return;
        }
        let line = Line {
            time: second(SystemTime::now()),
            level: gravity,
            message: said.message,
            event: said.subject,
            fields: said.fields,
        };
        stream.lines.push(line.message());
    }
}

impl Viewer {
    /// Lets lines flow to this viewer, or other ones if some do already. A stream of the same actor ends for it.
    ///
    /// # Errors
    /// [`Taken`] if they flow to somebody else.
    pub(super) fn start(&self, filters: Filters) -> Result<(), Taken> {
        let inner = &self.tap.0;
        let mut stream = inner.stream.lock();
        if let Some(before) = &*stream
            && before.viewer != self.number
        {
            if before.actor != self.actor {
                return Err(Taken);
            }
            before.replaced.cancel();
        }
        *stream = Some(Stream {
            viewer: self.number,
            actor: self.actor.clone(),
            filters,
            lines: Arc::clone(&self.lines),
            replaced: self.replaced.clone(),
        });
        inner.listening.store(true, Ordering::Release);
        drop(stream);
        if !inner.open.swap(true, Ordering::AcqRel) {
            tracing::callsite::rebuild_interest_cache();
        }
        Ok(())
    }

    /// Ends the stream, if it is this viewer's. Whether it was.
    pub(super) fn stop(&self) -> bool {
        let inner = &self.tap.0;
        let mut stream = inner.stream.lock();
        let was = stream.take_if(|stream| stream.viewer == self.number).is_some();
        if was {
            inner.listening.store(false, Ordering::Release);
        }
        was
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stop();
        let inner = &self.tap.0;
        // Held until events are off, so that nobody who begins meanwhile stays without them.
        let stream = inner.stream.lock();
        if stream.is_none() && inner.open.swap(false, Ordering::AcqRel) {
            tracing::callsite::rebuild_interest_cache();
        }
    }
}

const fn gravity(level: Level) -> Gravity {
    match level {
        Level::ERROR => Gravity::Error,
        Level::WARN => Gravity::Warn,
        Level::INFO => Gravity::Info,
        Level::DEBUG | Level::TRACE => Gravity::Debug,
    }
}

/// RFC 3339 to the second.
pub(super) fn second(time: SystemTime) -> String {
    let exact = Timestamp::from(time).to_string();
    match exact.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => exact,
    }
}

struct Tapping(LogTap);

impl<S: Subscriber> Layer<S> for Tapping {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        self.0.take(event);
    }
}

struct WhileOpen(LogTap);

impl WhileOpen {
    fn admits(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        self.0.0.open.load(Ordering::Acquire)
            && metadata.is_event()
            && *metadata.level() <= Level::DEBUG
            && target.starts_with(OWN)
            && !target.starts_with(STREAM)
    }
}

impl<S> Filter<S> for WhileOpen {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.admits(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.admits(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.0.0.open.load(Ordering::Acquire) {
            true => LevelFilter::DEBUG,
            false => LevelFilter::OFF,
        })
    }
}

/// What an event says, cut to what a viewer is sent.
#[derive(Default)]
struct Said {
    message: String,
    subject: Subject,
    fields: Map<String, Value>,
}

impl Said {
    fn put(&mut self, name: &str, value: Value) {
        if self.fields.len() < MAX_FIELDS {
            self.fields.insert(name.to_owned(), value);
        }
    }

    fn put_text(&mut self, name: &str, mut text: String) {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        match name {
            "message" => self.message = text,
            name => self.put(name, text.into()),
        }
    }

    fn put_number(&mut self, name: &str, number: u64) {
        match name {
            "event" => self.subject = Subject::of_number(number),
            name => self.put(name, number.into()),
        }
    }
}

impl Visit for Said {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match u64::try_from(value) {
            Ok(number) => self.put_number(field.name(), number),
            Err(_negative) => self.put(field.name(), value.into()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put_number(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = value
            .get(..value.floor_char_boundary(MAX_TEXT))
            .unwrap_or_default();
        self.put_text(field.name(), text.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(value.source(), |cause| cause.source());
        let text = causes.fold(value.to_string(), |text, cause| format!("{text}: {cause}"));
        self.put_text(field.name(), text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        // An error says that the rest has no place.
        let _ = write!(text, "{value:?}");
        self.put_text(field.name(), text.0);
    }
}

/// Takes text up to [`MAX_TEXT`], and stops who writes more.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_TEXT.saturating_sub(self.0.len());
        let end = text.floor_char_boundary(room);
        self.0.push_str(text.get(..end).unwrap_or_default());
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
