//! Result files: JSON lines, one per sample, after a header line. A killed run
//! continues where its file ends; shards concatenate to the file of one run.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;

/// The first line of every result file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// crate version
    pub dahlquist: String,
    /// the subcommand
    pub command: String,
    /// its settings, as given or defaulted
    pub settings: Map<String, Value>,
    /// random seed
    pub seed: u64,
    /// executor of the untrusted part
    pub device: String,
    /// SHA-256 of the model file
    pub network_sha256: String,
    /// SHA-256 of the data
    pub data_sha256: String,
}

/// A contiguous part of the samples: part `index` (from 1) of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// The samples of this shard out of `total`, contiguous and in order.
    pub fn range(self, total: usize) -> Range<usize> {
        let at = |k: usize| (k as u128 * total as u128 / self.count as u128) as usize;
        at(self.index - 1)..at(self.index)
    }

    /// Whether this shard writes the header line.
    pub fn first(self) -> bool {
        self.index == 1
    }
}

impl std::str::FromStr for Shard {
    type Err = String;
    fn from_str(s: &str) -> Result<Shard, String> {
        let bad = || format!("{s:?} is not i/n with 1 <= i <= n <= 1000000");
        let (i, n) = s.split_once('/').ok_or_else(bad)?;
        let (index, count) = (
            i.parse::<usize>().map_err(|_| bad())?,
            n.parse::<usize>().map_err(|_| bad())?,
        );
        if index == 0 || index > count || count > 1_000_000 {
            return Err(bad());
        }
        Ok(Shard { index, count })
    }
}

/// Where result lines go: a resumable file, standard output, or both.
pub struct Sink {
    file: Option<(PathBuf, File)>,
    print: bool,
    /// samples of this shard already in the file
    done: usize,
}

impl Sink {
    /// Opens the sink. An existing file must begin with the same header; a last
    /// line cut short by a kill is dropped.
    pub fn open(
        path: Option<&Path>,
        print: bool,
        header: &Header,
        shard: Shard,
    ) -> Result<Sink, Error> {
        let line = serde_json::to_string(header).expect("a header is plain data");
        let mut sink = Sink {
            file: None,
            print,
            done: 0,
        };
        if let Some(path) = path {
            let io = |source| Error::Io {
                path: path.into(),
                source,
            };
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(io)?;
            let mut end = 0u64;
            let mut lines = 0usize;
            let mut reader = BufReader::new(&file);
            let mut text = String::new();
            loop {
                text.clear();
                let n = reader.read_line(&mut text).map_err(io)?;
                if n == 0 || !text.ends_with('\n') {
                    break;
                }
                let whole = text.trim_end();
                if lines == 0 && shard.first() && whole != line {
                    return Err(Error::Resume {
                        path: path.into(),
                        found: whole.chars().take(200).collect(),
                    });
                }
                if serde_json::from_str::<Value>(whole).is_err() {
                    return Err(Error::Resume {
                        path: path.into(),
                        found: whole.chars().take(200).collect(),
                    });
                }
                lines += 1;
                end += n as u64;
            }
            file.set_len(end).map_err(io)?;
            file.seek(SeekFrom::End(0)).map_err(io)?;
            sink.done = lines.saturating_sub(usize::from(shard.first()));
            if shard.first() && lines == 0 {
                writeln!(file, "{line}").map_err(io)?;
            }
            sink.file = Some((path.into(), file));
        }
        if print && shard.first() {
            sink.print_line(&line)?;
        }
        Ok(sink)
    }

    /// How many samples of this shard the file already holds.
    pub fn done(&self) -> usize {
        self.done
    }

    fn print_line(&self, line: &str) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").map_err(|source| Error::Io {
            path: "standard output".into(),
            source,
        })
    }

    /// Appends one sample.
    pub fn push<T: Serialize>(&mut self, sample: &T) -> Result<(), Error> {
        let line = serde_json::to_string(sample).expect("a sample is plain data");
        if let Some((path, file)) = &mut self.file {
            writeln!(file, "{line}").map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
        }
        if self.print {
            self.print_line(&line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_partition_in_order() {
        for total in [0, 1, 7, 200] {
            for count in [1, 2, 3, 9] {
                let mut next = 0;
                for index in 1..=count {
                    let range = Shard { index, count }.range(total);
                    assert_eq!(range.start, next);
                    next = range.end;
                }
                assert_eq!(next, total);
            }
        }
    }

    #[test]
    fn a_cut_line_is_dropped_and_the_run_continues() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        let header = Header {
            dahlquist: "0".into(),
            command: "certify".into(),
            settings: Map::new(),
            seed: 1,
            device: "cpu".into(),
            network_sha256: "n".into(),
            data_sha256: "d".into(),
        };
        let mut sink = Sink::open(Some(&path), false, &header, Shard::WHOLE).unwrap();
        sink.push(&1).unwrap();
        sink.push(&2).unwrap();
        drop(sink);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut sink = Sink::open(Some(&path), false, &header, Shard::WHOLE).unwrap();
        assert_eq!(sink.done(), 1);
        sink.push(&2).unwrap();
        drop(sink);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        let other = Header { seed: 2, ..header };
        assert!(matches!(
            Sink::open(Some(&path), false, &other, Shard::WHOLE),
            Err(Error::Resume { .. })
        ));
    }
}
