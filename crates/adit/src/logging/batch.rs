//! Lines that reach stderr together.

use std::{
    io::{self, Write},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others. A busy edge writes a line for each request: a system call for each of them, and the
/// wait for whoever reads, would be the requests' to pay.
const GATHER: Duration = Duration::from_millis(5);
/// How much may wait. Whoever logs more than the reader takes waits with it.
const MOST_BYTES: usize = 1 << 20;

/// How long the end of the process waits for the last lines to be taken.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// A writer that a thread of its own empties. Clones write to the same one.
#[derive(Clone, Debug)]
pub(super) struct Batch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Waiting>,
    /// Somebody is to look at `lines` again.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Some are being written.
    writing: bool,
    /// Nobody writes.
    lost: bool,
}

impl Batch {
    /// Starts the thread that writes to `target`. What cannot be written is lost: to complain would need the same way.
    /// Without a thread everything is lost, and the process has no future anyway.
    pub(super) fn start(mut target: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let batch = Self(Arc::clone(&shared));
        let started = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.write_to(&mut target));
        batch.0.lines.lock().lost = started.is_err();
        batch
    }

    /// Returns when everything that was logged before has been written, or when its reader has taken nothing of it for
    /// too long: whoever stops must not wait for ever.
    pub(super) fn flush(&self) {
        let end = Instant::now() + FLUSH_LIMIT;
        let mut lines = self.0.lines.lock();
        while lines.writing || !lines.bytes.is_empty() {
            if self.0.changed.wait_until(&mut lines, end).timed_out() {
                return;
            }
        }
    }
}

impl Shared {
    fn write_to(&self, target: &mut impl Write) {
        let mut taken = Vec::new();
        loop {
            let mut lines = self.lines.lock();
            lines.writing = false;
            self.changed.notify_all();
            while lines.bytes.is_empty() {
                self.changed.wait(&mut lines);
            }
            drop(lines);
            thread::sleep(GATHER);
            let mut lines = self.lines.lock();
            std::mem::swap(&mut lines.bytes, &mut taken);
            lines.writing = true;
            self.changed.notify_all();
            drop(lines);
            let _ = target.write_all(&taken);
            taken.clear();
        }
    }

    fn add(&self, line: &[u8]) {
        let mut lines = self.lines.lock();
        while lines.bytes.len() > MOST_BYTES {
            self.changed.wait(&mut lines);
        }
        if lines.lost {
            return;
        }
        let first = lines.bytes.is_empty();
        lines.bytes.extend_from_slice(line);
        if first {
            self.changed.notify_all();
        }
    }
}

/// A borrowed [`Batch`]: takes whole lines.
#[derive(Debug)]
pub(super) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Batch {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Tells of each write, and takes it when told to.
    struct Slow(mpsc::Sender<usize>, mpsc::Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.len());
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_together_whole_and_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let batch = Batch::start(writer);
        let mut expected = String::new();
        for number in 0..1000 {
            let line = format!("line {number}\n");
            batch.make_writer().write_all(line.as_bytes()).unwrap();
            expected.push_str(&line);
        }
        batch.flush();
        let mut written = vec![0; expected.len()];
        io::Read::read_exact(&mut reader, &mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn a_reader_that_takes_nothing_does_not_hold_up_the_end() {
        let (wrote, writes) = mpsc::channel();
        let (_take, taken) = mpsc::channel();
        let batch = Batch::start(Slow(wrote, taken));
        batch.make_writer().write_all(b"line\n").unwrap();
        assert_eq!(writes.recv().unwrap(), 5);
        batch.flush();
        assert!(batch.0.lines.lock().writing, "nobody has taken it");
    }

    #[test]
    fn who_logs_more_than_the_reader_takes_waits_for_it() {
        let (wrote, writes) = mpsc::channel();
        let (take, taken) = mpsc::channel();
        let batch = Batch::start(Slow(wrote, taken));
        batch.make_writer().write_all(b"first\n").unwrap();
        assert_eq!(writes.recv().unwrap(), 6);
        batch
            .make_writer()
            .write_all(&vec![b'.'; MOST_BYTES + 1])
            .unwrap();
        let late = thread::spawn({
            let batch = batch.clone();
            move || batch.make_writer().write_all(b"last\n").unwrap()
        });
        // The reader has not moved, so there is no room for the last line.
        assert!(!late.is_finished());
        take.send(()).unwrap();
        assert_eq!(writes.recv().unwrap(), MOST_BYTES + 1);
        late.join().unwrap();
        take.send(()).unwrap();
        assert_eq!(writes.recv().unwrap(), 5);
        take.send(()).unwrap();
        batch.flush();
    }
}
