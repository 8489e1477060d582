//! A share of a sweep: one of several machines, or of several processes, does each run.
//!
//! The share is named on the command line, in the notation of `cargo nextest --partition` too, or
//! found in the environment of an array job.

use ikelab_ambient::derive_seed;

/// Names of variables: GitLab CI counts from 1.
const GITLAB: [&str; 2] = ["CI_NODE_INDEX", "CI_NODE_TOTAL"];
/// A Slurm array: the index of a task, how many there are, the least index and the step.
const SLURM: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_COUNT",
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_STEP",
];
/// An Indexed Job of Kubernetes counts from 0, and tells nobody how many there are.
const KUBERNETES: &str = "JOB_COMPLETION_INDEX";
/// How many shares there are, where only the place of this one is known.
const SHARDS: &str = "IKELAB_SHARDS";
/// A share as on the command line.
const SHARD: &str = "IKELAB_SHARD";

/// A share of a sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shard {
    /// Its place, from 0.
    place: u64,
    /// How many there are.
    of: u64,
    /// Whether runs are dealt by a hash of their names; in turn otherwise.
    hashed: bool,
}

impl Shard {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { place: 0, of: 1, hashed: false };

    /// `1/4`, `slice:1/4`, `count:1/4`, `hash:1/4`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, share) = text.split_once(':').unwrap_or(("slice", text));
        let hashed = match kind {
            "slice" | "count" => false,
            "hash" => true,
            _ => return Err(format!("expected 1/4, slice:1/4, count:1/4 or hash:1/4, not {text}")),
        };
        let numbers = share
            .split_once('/')
            .and_then(|(place, of)| Some((place.parse::<u64>().ok()?, of.parse::<u64>().ok()?)));
        match numbers {
            Some((place, of)) if (1..=of).contains(&place) => {
                Ok(Self { place: place - 1, of, hashed })
            }
            _ => Err(format!("expected a share such as 1/4, the first of four, not {text}")),
        }
    }

    /// The share that the environment names, and the variable that named it. `read` gives the value
    /// of a variable.
    pub(crate) fn of_environment(
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<(Self, &'static str)>, String> {
        let number = |name: &str| -> Result<Option<u64>, String> {
            let Some(text) = read(name) else { return Ok(None) };
            text.trim().parse().map(Some).map_err(|_| format!("{name} is `{text}`, no number"))
        };
        let share = |name: &'static str, place: u64, of: u64| {
            if place < of {
                return Ok(Some((Self { place, of, hashed: false }, name)));
            }
            Err(format!("{name}: this would be share {} of {of}", place.saturating_add(1)))
        };
        if let Some(text) = read(SHARD) {
            let shard = Self::parse(&text).map_err(|why| format!("{SHARD}: {why}"))?;
            return Ok(Some((shard, SHARD)));
        }
        let [id, count, least, step] = SLURM;
        if let (Some(place), Some(of)) = (number(id)?, number(count)?) {
            let (least, step) = (number(least)?.unwrap_or(0), number(step)?.unwrap_or(1).max(1));
            let above = place.checked_sub(least).filter(|above| above.is_multiple_of(step));
            let above = above.ok_or_else(|| {
                format!("{id} is {place}, which is not {least} and a multiple of {step}")
            })?;
            return share(id, above / step, of);
        }
        if let Some(place) = number(KUBERNETES)? {
            let of = number(SHARDS)?;
            let of = of.ok_or_else(|| {
                format!("{KUBERNETES} is {place}, and {SHARDS} does not say of how many")
            })?;
            return share(KUBERNETES, place, of);
        }
        let [index, total] = GITLAB;
        if let (Some(place), Some(of)) = (number(index)?, number(total)?) {
            let place = place.checked_sub(1).ok_or_else(|| format!("{index} counts from 1"))?;
            return share(index, place, of);
        }
        Ok(None)
    }

    /// Whether a run is of this share: by its place in the whole sweep, or by its name.
    pub(crate) fn has(self, place: usize, name: &str) -> bool {
        let number = if self.hashed {
            derive_seed(0, name)
        } else {
            u64::try_from(place).unwrap_or(u64::MAX)
        };
        number % self.of == self.place
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.place + 1, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Option<String>, String> {
        let read = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let found = Shard::of_environment(&read)?;
        Ok(found.map(|(shard, _)| shard.to_string()))
    }

    #[test]
    fn a_share_is_written_as_nextest_writes_partitions() {
        for text in ["2/3", "slice:2/3", "count:2/3", "hash:2/3"] {
            assert_eq!(Shard::parse(text).unwrap().to_string(), "2/3", "{text}");
        }
        for text in ["0/3", "4/3", "3", "a/b", "part:1/2", ""] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_run_is_of_exactly_one_share() {
        for kind in ["", "hash:"] {
            let shards: Vec<_> =
                (1..=3).map(|k| Shard::parse(&format!("{kind}{k}/3")).unwrap()).collect();
            let mut sizes = [0; 3];
            for place in 0..300 {
                let name = format!("run {place}");
                let of: Vec<_> = (0..3).filter(|k| shards[*k].has(place, &name)).collect();
                let [only] = of[..] else { panic!("{of:?}") };
                sizes[only] += 1;
            }
            assert!(sizes.iter().all(|size| *size > 70), "{sizes:?}");
        }
    }

    #[test]
    fn array_jobs_say_which_share_they_are() {
        let slurm = |id, count, least, step| {
            environment(&[(SLURM[0], id), (SLURM[1], count), (SLURM[2], least), (SLURM[3], step)])
        };
        assert_eq!(slurm("5", "4", "2", "1"), Ok(Some("4/4".into())));
        assert_eq!(slurm("7", "4", "1", "2"), Ok(Some("4/4".into())));
        assert!(slurm("8", "4", "1", "2").is_err(), "not one of 1, 3, 5, 7");
        assert!(slurm("20", "5", "0", "1").is_err(), "a list with a gap");
        assert_eq!(environment(&[(KUBERNETES, "0"), (SHARDS, "3")]), Ok(Some("1/3".into())));
        assert!(environment(&[(KUBERNETES, "0")]).unwrap_err().contains(SHARDS));
        assert_eq!(environment(&[(GITLAB[0], "2"), (GITLAB[1], "2")]), Ok(Some("2/2".into())));
        assert_eq!(environment(&[]), Ok(None));
        let both = [(SHARD, "hash:1/9"), (KUBERNETES, "7"), (SHARDS, "9")];
        assert_eq!(environment(&both), Ok(Some("1/9".into())), "what is said outright counts");
    }
}
