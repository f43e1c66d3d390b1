//! The system thread that holds the threads of a process, and does nothing else.
//!
//! It never reads memory. A page of the process may be another program's to serve (FUSE, userfaultfd)
//! and never come: who waits for it in the kernel can neither let go nor be killed. Such a reader left
//! a process stopped, and its guru undead. So another thread reads, and if that does not ask for the
//! release in time, the holder lets go on its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use crate::arch::Registers;
use crate::target::Tid;
use crate::target::live::looks::Looks;
use crate::target::live::seize::{Refused, Seized};
use crate::target::live::stop::{Released, Stop, Wave};
use crate::target::live::tasks::Tasks;

/// A thread that stands still.
pub type HeldThread = (Tid, Wave, Registers);

/// What the holder is told to do.
enum Order {
    /// Stop the threads of these waves.
    Halt(&'static [Wave]),
    /// Stop the running threads, and those that were made since.
    HaltRunning,
    /// Let all go.
    Release,
}

/// What the holder answers.
enum Answer {
    Seized(Option<Refused>),
    /// All that stand still by now, and which are new.
    Held(Vec<HeldThread>, Vec<Tid>),
    Released(Box<Released>),
}

/// What came of the hold.
#[derive(Default)]
pub struct LetGo {
    /// What the threads were.
    pub released: Released,
    /// Whether they were let go before anybody asked for it: what was read since is not of that
    /// moment.
    pub early: bool,
}

/// The other end of the holder.
pub struct Holder {
    orders: Sender<Order>,
    answers: Receiver<(Answer, bool)>,
    /// The process, and whom of it the holder has seized.
    pid: i32,
    seized: Arc<Seized>,
}

/// How often it is looked, while the holder is waited for, whether threads have ended that it waits for
/// itself.
const REAP: Duration = Duration::from_millis(2);

impl Holder {
    /// Has the threads of a process seized by a thread of its own, which lets them go `patience`
    /// later at the latest.
    pub fn seize<'scope>(
        scope: &'scope Scope<'scope, '_>,
        tasks: &'scope Tasks,
        wave_of: impl Fn(Tid) -> Option<Wave> + Send + 'scope,
        patience: Duration,
    ) -> Result<Holder, Refused> {
        let (orders, theirs) = channel();
        let (answer, answers) = channel();
        let seized = Arc::new(Seized::default());
        let (pid, known) = (tasks.pid, Arc::clone(&seized));
        let hold = move || run(tasks, &wave_of, &known, patience, &theirs, &answer);
        if Builder::new().name("guru-hold".into()).spawn_scoped(scope, hold).is_err() {
            return Err(Refused::NoHolder);
        }
        let holder = Holder { orders, answers, pid, seized };
        match holder.answer() {
            Some((Answer::Seized(None), _)) => Ok(holder),
            Some((Answer::Seized(Some(refused)), _)) => Err(refused),
            // It panicked, which the scope passes on.
            Some(_) | None => Err(Refused::Gone),
        }
    }

    /// Stops the threads of these waves. Returns all that stand still.
    pub fn halt(&self, waves: &'static [Wave]) -> Vec<HeldThread> {
        self.held(Order::Halt(waves)).0
    }

    /// Stops the running threads, and those that were made since. Returns all that stand still, and
    /// which of them are new.
    pub fn halt_running(&self) -> (Vec<HeldThread>, Vec<Tid>) {
        self.held(Order::HaltRunning)
    }

    fn held(&self, order: Order) -> (Vec<HeldThread>, Vec<Tid>) {
        match self.ask(order) {
            Some((Answer::Held(held, new), _)) => (held, new),
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// Lets all go; `None` if the holder failed, when the kernel has done so.
    pub fn release(&self) -> Option<LetGo> {
        match self.ask(Order::Release) {
            Some((Answer::Released(released), early)) => Some(LetGo { released: *released, early }),
            _ => None,
        }
    }

    fn ask(&self, order: Order) -> Option<(Answer, bool)> {
        self.orders.send(order).ok()?;
        self.answer()
    }

    fn answer(&self) -> Option<(Answer, bool)> {
        loop {
            match attentive(&self.answers, Instant::now() + REAP) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) => self.seized.reap(self.pid),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

/// Receives without falling asleep at once: running threads may stand still meanwhile, and to be woken
/// takes as long as all that is to be done.
fn attentive<T>(from: &Receiver<T>, until: Instant) -> Result<T, RecvTimeoutError> {
    let mut looks = Looks::giving_way();
    while !looks.dozes() {
        match from.try_recv() {
            Ok(received) => return Ok(received),
            Err(TryRecvError::Empty) => looks.pause(),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
        }
    }
    from.recv_timeout(until.saturating_duration_since(Instant::now()))
}

fn run(
    tasks: &Tasks,
    wave_of: &dyn Fn(Tid) -> Option<Wave>,
    seized: &Arc<Seized>,
    patience: Duration,
    orders: &Receiver<Order>,
    answer: &Sender<(Answer, bool)>,
) {
    let mut stop = match Stop::seize(tasks, wave_of, seized) {
        Ok(stop) => stop,
        Err(refused) => {
            let _ = answer.send((Answer::Seized(Some(refused)), false));
            return;
        }
    };
    if answer.send((Answer::Seized(None), false)).is_err() {
        return;
    }
    let until = Instant::now() + patience;
    loop {
        let held = match attentive(orders, until) {
            Ok(Order::Halt(waves)) => {
                waves.iter().for_each(|wave| stop.halt(*wave));
                Answer::Held(all(&stop), Vec::new())
            }
            Ok(Order::HaltRunning) => {
                stop.halt(Wave::Hot);
                let new = stop.halt_newcomers(wave_of);
                Answer::Held(all(&stop), new)
            }
            Ok(Order::Release) => {
                let _ = answer.send((Answer::Released(Box::new(stop.release())), false));
                stop.await_late();
                return;
            }
            // Nobody asks any more: dropped, it lets go.
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => return too_late(stop, orders, answer),
        };
        if answer.send((held, false)).is_err() {
            return;
        }
    }
}

/// Lets go, and tells whoever asks afterwards what there was.
fn too_late(mut stop: Stop, orders: &Receiver<Order>, answer: &Sender<(Answer, bool)>) {
    let held = all(&stop);
    let mut released = Some(stop.release());
    stop.await_late();
    while let Ok(order) = orders.recv() {
        let told = match order {
            Order::Release => match released.take() {
                Some(released) => Answer::Released(Box::new(released)),
                None => return,
            },
            Order::Halt(_) | Order::HaltRunning => Answer::Held(held.clone(), Vec::new()),
        };
        if answer.send((told, true)).is_err() {
            return;
        }
    }
}

fn all(stop: &Stop) -> Vec<HeldThread> {
    stop.held().map(|(tid, wave, registers)| (tid, wave, registers.clone())).collect()
}
