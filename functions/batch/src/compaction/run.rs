//! One run: what it finds, and the steps that it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use aws::StoreError;
use aws::bucket::{Objects, gone};
use bytes::Bytes;
use events::{MS_PER_HOUR, Stream, Timestamp};
use futures::{StreamExt as _, TryStream, TryStreamExt as _, stream};
use warehouse::compacted::{CompactedHours, PartSize};
use warehouse::{
    archive_prefix, archived_hour, archived_hour_prefix, compacted_hour, compacted_hours_key,
    compacted_prefix,
};

use super::hour::HourWriter;
use super::progress::{Hour, HourProgress, Progress, Source, Step, Taken};
use super::{Compacted, CompactionError, Settings};
use crate::etl::archive_objects;
use crate::state;

/// Calls for small things that are under way at a time.
const CALLS_AHEAD: usize = 8;
/// So many hours are written or cleaned before the progress is saved: what a killed run does in vain, at most.
const HOURS_BETWEEN_SAVES: usize = 16;

/// Why a run does not go on.
pub(super) enum Stop {
    Forestalled,
    Failed(CompactionError),
}

impl<E: Into<CompactionError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An hour whose next generation is to be written.
struct Pending {
    hour: Hour,
    /// The names of its archive objects.
    names: Vec<String>,
}

/// A run.
pub(super) struct Run<'a, B> {
    bucket: &'a B,
    settings: Settings,
    part_size: PartSize,
    now: Timestamp,
    counted: CompactedHours,
    counted_version: Option<String>,
    progress: Progress,
    version: Option<String>,
    /// The parts that were there when it began, with their generations.
    parts: BTreeMap<Hour, Vec<(i32, String)>>,
    pending: Vec<Pending>,
    compacted: Compacted,
}

impl<'a, B: Objects> Run<'a, B> {
    pub(super) async fn begin(
        bucket: &'a B,
        settings: Settings,
        part_size: PartSize,
        now: Timestamp,
    ) -> Result<Self, Stop> {
        // The table before the progress: if this version of it can be replaced, what the progress has as written is not
        // yet switched by another run.
        let key = compacted_hours_key();
        let (file, counted_version) = bucket.get(&key).await?.unzip();
        let counted = file.map(CompactedHours::read).transpose();
        let counted = counted.map_err(|error| CompactionError::object(&*key, error))?;
        let (progress, version) = state::load::<Progress>(bucket).await?;
        if version.is_none() && counted.is_some() {
            // Without it, what has been copied and is not yet removed would be copied again.
            return Err(StoreError::new("continuing", key, "the progress behind it is gone").into());
        }
        let mut run = Self {
            bucket,
            settings,
            part_size,
            now,
            counted: counted.unwrap_or_default(),
            counted_version,
            progress,
            version,
            parts: BTreeMap::new(),
            pending: Vec::new(),
            compacted: Compacted::default(),
        };
        run.reconcile().await?;
        // The listings after the progress: of an hour that it has as idle, all that was copied is removed by then.
        for &stream in Stream::ALL {
            run.list(stream).await?;
        }
        Ok(run)
    }

    /// Where the table names another generation than the progress has as counted: one that is written has been switched by
    /// a run that died then. Any other was given up before the put landed, or the table is lost; what counts is named again.
    async fn reconcile(&mut self) -> Result<(), Stop> {
        let (mut counted, mut is_changed) = (self.counted.clone(), false);
        for (&(stream, start), known) in &mut self.progress.hours {
            let named = counted.generation(stream, start);
            if named == known.counted {
                continue;
            }
            if named == known.begun && known.step.written().is_some() {
                // Whatever its archive objects are by now.
                known.switch(self.now);
                self.compacted.hours_switched += 1;
            } else {
                known.give_up(self.now);
                counted.count(stream, start, known.counted);
            }
            is_changed = true;
        }
        if is_changed {
            // Before the put: from it on, the generation that was named is kept for those who read it.
            self.save().await?;
        }
        self.put_counted(counted).await
    }

    async fn list(&mut self, stream: Stream) -> Result<(), StoreError> {
        for key in self.bucket.list(&compacted_prefix(stream)).await?.into_keys() {
            if let Some((start, generation)) = compacted_hour(stream, &key) {
                let parts = self.parts.entry((stream, start)).or_default();
                parts.push((generation, key));
            }
        }
        let mut archived: BTreeMap<Hour, Vec<String>> = BTreeMap::new();
        let closed_until_ms = self.now.as_ms() - self.settings.closed_after_ms - MS_PER_HOUR;
        let listed = archive_objects(self.bucket, &archive_prefix(stream)).await?;
        for key in listed.into_keys() {
            let start = archived_hour(stream, &key);
            let Some(start) = start.filter(|start| start.as_ms() <= closed_until_ms) else {
                continue;
            };
            let name = &key[archived_hour_prefix(stream, start).len()..];
            archived.entry((stream, start)).or_default().push(name.to_owned());
        }
        for (hour, names) in archived {
            let known = self.progress.hours.get(&hour);
            let is_idle = known.is_none_or(|known| known.step == Step::Idle);
            let is_compacted = known.is_some_and(|known| known.counted > 0);
            if is_idle && (is_compacted || names.len() > 1) {
                self.pending.push(Pending { hour, names });
            }
        }
        Ok(())
    }

    /// Takes the steps that are due.
    pub(super) async fn advance(mut self, is_time_up: &impl Fn() -> bool) -> Result<Compacted, Stop> {
        self.sweep().await?;
        let mut pending = mem::take(&mut self.pending).into_iter().peekable();
        loop {
            // Before others are begun, or a backlog would be there twice until the last of it is written.
            self.switch().await?;
            self.clean(is_time_up).await?;
            if pending.peek().is_none() || is_time_up() {
                self.compacted.hours_left += pending.len();
                return Ok(self.compacted);
            }
            let some = pending.by_ref().take(HOURS_BETWEEN_SAVES).collect();
            self.write(some, is_time_up).await?;
        }
    }

    /// Removes parts of generations that never counted nor will, as runs leave them that died or could not copy all.
    async fn sweep(&self) -> Result<(), StoreError> {
        let hours = self.progress.hours.iter();
        // What a switched hour still has, readers may read.
        let hours = hours.filter(|(_, known)| known.step.switched().is_none());
        let keys = hours.flat_map(|(hour, known)| self.uncounted_parts(*hour, known));
        self.remove(keys.collect()).await
    }

    /// Step 1: writes the next generation of each hour.
    async fn write(&mut self, hours: Vec<Pending>, is_time_up: &impl Fn() -> bool) -> Result<(), Stop> {
        for pending in &hours {
            self.known(pending.hour).begun += 1;
        }
        // Before the first part is put: who saves that it begins a generation is the only one that writes it.
        self.save().await?;
        for Pending { hour, names } in hours {
            if is_time_up() {
                self.compacted.hours_left += 1;
                continue;
            }
            match self.write_hour(hour, names).await {
                Ok(sources) => {
                    let at = self.now;
                    self.known(hour).step = Step::Written(Taken { sources, at });
                    self.compacted.hours_written += 1;
                }
                // No reason to leave other hours as they are.
                Err(Stop::Failed(error @ CompactionError::Object { .. })) => {
                    self.compacted.unusable.push(error.to_string());
                }
                Err(stop) => return Err(stop),
            }
        }
        // After the last part is put: it says that all are there.
        self.save().await
    }

    /// Writes the parts of an hour's next generation; tells the archive objects in it.
    async fn write_hour(&mut self, hour: Hour, names: Vec<String>) -> Result<Vec<Source>, Stop> {
        let HourProgress { begun, counted, .. } = *self.known(hour);
        let mut writer = HourWriter::new(self.bucket, hour, begun, self.part_size);
        let parts = self.parts.get(&hour).into_iter().flatten();
        let parts = parts.filter(|(generation, _)| *generation == counted);
        // One at a time, as they are large.
        let mut fetched = fetch(self.bucket, parts.map(|(_, key)| key.clone()), 1);
        while let Some((key, object)) = fetched.try_next().await? {
            let (object, _) = object.ok_or_else(|| gone(&key))?;
            writer.copy(&key, object).await?;
        }
        drop(fetched);
        let prefix = archived_hour_prefix(hour.0, hour.1);
        let keys = names.iter().map(|name| format!("{prefix}{name}"));
        let mut fetched = fetch(self.bucket, keys, CALLS_AHEAD);
        let mut sources = Vec::new();
        while let Some((key, object)) = fetched.try_next().await? {
            // What its owner has removed since is not in the archive any more.
            let Some((object, version)) = object else {
                continue;
            };
            writer.copy(&key, object).await?;
            let name = key[prefix.len()..].to_owned();
            sources.push(Source { name, version });
        }
        drop(fetched);
        let (objects_in, objects_out) = writer.finish().await?;
        self.compacted.objects_in += objects_in;
        self.compacted.objects_out += objects_out;
        Ok(sources)
    }

    /// Step 2: lets what is written count.
    async fn switch(&mut self) -> Result<(), Stop> {
        let due = self.due(Step::written);
        if due.is_empty() {
            return Ok(());
        }
        let outgrown = self.outgrown(&due).await?;
        let (mut counted, now) = (self.counted.clone(), self.now);
        for hour in due {
            let known = self.known(hour);
            if outgrown.contains(&hour) {
                known.give_up(now);
                continue;
            }
            known.switch(now);
            counted.count(hour.0, hour.1, known.counted);
            self.compacted.hours_switched += 1;
        }
        self.put_counted(counted).await?;
        // After the put: from here on, sources may be removed.
        self.save().await
    }

    /// Replaces the table, if it changes and no other run has replaced it since this one read it.
    async fn put_counted(&mut self, counted: CompactedHours) -> Result<(), Stop> {
        if counted == self.counted {
            return Ok(());
        }
        let key = compacted_hours_key();
        let bytes = counted.encode();
        let bytes = bytes.map_err(|error| CompactionError::object(&*key, error))?;
        let put = self
            .bucket
            .put(&key, bytes.into(), self.counted_version.as_deref());
        self.counted_version = Some(put.await?.ok_or(Stop::Forestalled)?);
        self.counted = counted;
        Ok(())
    }

    /// Puts the table with one more row, of an hour from `start` on that has none, for what counts of it anyway. No table
    /// before had that row, so a put that names what was given up since fails, however late it lands.
    async fn fence(&mut self, (stream, start): Hour) -> Result<(), Stop> {
        let (mut counted, mut hour) = (self.counted.clone(), start);
        while counted == self.counted {
            counted.count(stream, hour, counted.generation(stream, hour));
            hour = hour.plus_ms(MS_PER_HOUR);
        }
        self.put_counted(counted).await
    }

    /// Those of hours whose archive objects are not those that were copied any more: what was replaced or removed since would
    /// come back, and what is seen and was not copied would not be seen any more.
    async fn outgrown(&self, hours: &[Hour]) -> Result<BTreeSet<Hour>, StoreError> {
        let look = async |hour: &Hour| {
            let listed = self.archived(*hour).await?;
            let known = self.progress.hours.get(hour);
            let taken = known.and_then(|known| known.step.written());
            let sources: BTreeSet<&Source> = taken.into_iter().flat_map(|taken| &taken.sources).collect();
            let are_there = sources.iter().all(|source| listed.contains(*source));
            // Of a compacted hour, objects that have come since are of the next generation.
            let is_compacted = self.counted.generation(hour.0, hour.1) > 0;
            let are_all = is_compacted || listed.len() == sources.len();
            Ok((!are_there || !are_all).then_some(*hour))
        };
        let looks = Box::pin(stream::iter(hours).map(look).buffered(CALLS_AHEAD));
        looks.try_filter_map(async |hour| Ok(hour)).try_collect().await
    }

    /// An hour's archive objects as they are.
    async fn archived(&self, (stream, start): Hour) -> Result<BTreeSet<Source>, StoreError> {
        let prefix = archived_hour_prefix(stream, start);
        let listed = archive_objects(self.bucket, &prefix).await?.into_iter();
        let source = |(key, version): (String, String)| Source {
            name: key[prefix.len()..].to_owned(),
            version,
        };
        Ok(listed.map(source).collect())
    }

    /// Step 3: removes what generations that count were made of, and those that were given up.
    async fn clean(&mut self, is_time_up: &impl Fn() -> bool) -> Result<(), Stop> {
        let due = self.due(Step::switched);
        let is_given_up = |hour: &&Hour| {
            let known = self.progress.hours.get(hour);
            known.is_some_and(|known| known.begun != known.counted)
        };
        if let Some(hour) = due.iter().find(is_given_up) {
            self.fence(*hour).await?;
        }
        let mut unsaved = 0;
        for hour in due {
            if is_time_up() {
                break;
            }
            let mut keys: Vec<String> = self.uncounted_parts(hour, &self.progress.hours[&hour]).collect();
            let step = mem::take(&mut self.known(hour).step);
            let prefix = archived_hour_prefix(hour.0, hour.1);
            let listed = self.archived(hour).await?;
            let sources = step.switched().into_iter().flat_map(|taken| &taken.sources);
            // What has been replaced since was not copied.
            let sources = sources.filter(|source| listed.contains(source));
            keys.extend(sources.map(|source| format!("{prefix}{}", source.name)));
            self.remove(keys).await?;
            self.compacted.hours_cleaned += 1;
            unsaved += 1;
            if unsaved == HOURS_BETWEEN_SAVES {
                self.save().await?;
                unsaved = 0;
            }
        }
        if unsaved > 0 {
            // After all are removed: what an idle hour has besides its generation is new.
            self.save().await?;
        }
        Ok(())
    }

    /// The hours whose last step is of a kind, and long enough ago.
    fn due(&self, kind: impl Fn(&Step) -> Option<&Taken>) -> Vec<Hour> {
        let until = self.now.plus_ms(-self.settings.step_ms);
        let hours = self.progress.hours.iter();
        let due = hours.filter(|(_, known)| kind(&known.step).is_some_and(|taken| taken.at <= until));
        due.map(|(hour, _)| *hour).collect()
    }

    /// The parts of an hour's generations that don't count and were begun before the latest.
    fn uncounted_parts(&self, hour: Hour, known: &HourProgress) -> impl Iterator<Item = String> {
        let HourProgress { begun, counted, .. } = *known;
        let parts = self.parts.get(&hour).into_iter().flatten();
        let uncounted = parts.filter(move |(of, _)| *of < begun && *of != counted);
        uncounted.map(|(_, key)| key.clone())
    }

    async fn remove(&self, keys: Vec<String>) -> Result<(), StoreError> {
        let delete = async |key: String| self.bucket.delete(&key).await;
        let deletes = Box::pin(stream::iter(keys).map(delete).buffered(CALLS_AHEAD));
        deletes.try_collect().await
    }

    fn known(&mut self, hour: Hour) -> &mut HourProgress {
        self.progress.hours.entry(hour).or_default()
    }

    /// Replaces the progress, if no other run has done so since this one read it.
    async fn save(&mut self) -> Result<(), Stop> {
        let saved = state::save(&self.progress, self.bucket, self.version.as_deref()).await?;
        self.version = Some(saved.ok_or(Stop::Forestalled)?);
        Ok(())
    }
}

/// Objects with their versions, in the order of their keys, `None` for one that is gone; `ahead` are fetched at a time.
fn fetch<'a, B: Objects>(
    bucket: &'a B,
    keys: impl Iterator<Item = String> + 'a,
    ahead: usize,
) -> impl TryStream<Ok = (String, Option<(Bytes, String)>), Error = StoreError> + Unpin {
    let get = async move |key: String| {
        let object = bucket.get(&key).await?;
        Ok((key, object))
    };
    Box::pin(stream::iter(keys).map(get).buffered(ahead))
}
