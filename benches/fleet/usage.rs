//! CPU and memory of processes, as `/proc` has them.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Linux counts CPU time in hundredths of a second on every architecture that muster is built for.
const TICK: Duration = Duration::from_millis(10);

/// CPU time that the process has used so far, in user and kernel mode; zero when it is gone.
pub(crate) fn cpu(pid: u32) -> Duration {
    ticks(pid, 2)
}

/// CPU time of a process, its children that live, and those it has buried.
pub(crate) fn cpu_of_family(parent: u32) -> Duration {
    children(parent).into_iter().map(cpu).fold(ticks(parent, 4), |sum, cpu| sum + cpu)
}

/// CPU time of those threads of a process whose name begins so.
pub(crate) fn cpu_of_threads(pid: u32, name: &str) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let folders = tasks.flatten().map(|task| task.path());
    let named = folders
        .filter(|folder| fs::read_to_string(folder.join("comm")).is_ok_and(|comm| comm.starts_with(name)));
    named.map(|folder| ticks_in(&folder.join("stat"), 2)).sum()
}

/// Resident memory of the process, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    kib.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The sum of the first so many of utime, stime, cutime and cstime.
fn ticks(pid: u32, fields: usize) -> Duration {
    ticks_in(format!("/proc/{pid}/stat").as_ref(), fields)
}

fn ticks_in(file: &Path, fields: usize) -> Duration {
    let times = stat_in(file).unwrap_or_default();
    let ticks = times.iter().skip(11).take(fields).filter_map(|field| field.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    stat_in(format!("/proc/{pid}/stat").as_ref())
}

fn stat_in(file: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(file).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = parent.to_string();
    pids.filter(|pid| stat(*pid).is_some_and(|fields| fields.get(1) == Some(&parent))).collect()
}
