//! What goes wrong with nodes.

use super::world::World;

/// Longest standing still and being cut off: longer than a lease.
const LONGEST_MS: i64 = 7_000;
/// How far a clock jumps, at most.
const JUMP_MS: i64 = 20_000;

impl World {
    /// Something goes wrong now and then, as long as the storm lasts.
    pub(super) fn weather(&mut self) {
        if self.now >= self.storm_until {
            return;
        }
        let node = usize::try_from(self.up_to(1_000)).unwrap() % self.nodes.len();
        match self.up_to(99) {
            0..25 => self.kill(node),
            25..45 => {
                let ms = self.up_to(LONGEST_MS);
                self.tell(|| format!("node {node} stands still for {ms} ms"));
                self.nodes[node].paused_until = self.now + ms;
            }
            45..65 => {
                let ms = self.up_to(LONGEST_MS);
                self.tell(|| format!("node {node} is cut off for {ms} ms"));
                self.nodes[node].cut_off_until = self.now + ms;
            }
            65..80 => {
                let ms = self.up_to(2 * JUMP_MS) - JUMP_MS;
                self.tell(|| format!("node {node}'s clock is {ms} ms ahead"));
                self.nodes[node].ahead_ms = ms;
            }
            80..90 => self.drain(node),
            _ => {}
        }
        let ms = 300 + self.up_to(2_500);
        self.later(ms, Self::weather);
    }

    /// The process dies; another begins some time later.
    pub(super) fn kill(&mut self, node: usize) {
        if !self.nodes[node].is_alive {
            return;
        }
        self.tell(|| format!("node {node} dies"));
        self.nodes[node].is_alive = false;
        let ms = self.up_to(5_000);
        self.later(ms, move |world| world.boot(node));
    }

    /// The node hands over what it has, and is killed then, whether it has done so or not.
    fn drain(&mut self, node: usize) {
        if !self.nodes[node].is_alive {
            return;
        }
        self.tell(|| format!("node {node} is told to stop"));
        self.nodes[node].is_draining = true;
        self.nodes[node].standing.gates.close_all();
        let (process, ms) = (self.process(node), 1_000 + self.up_to(4_000));
        self.within(process, ms, move |world| world.kill(node));
    }

    /// The storm is over.
    pub(super) fn clear_up(&mut self) {
        self.tell(|| "the storm is over".to_owned());
        for node in &mut self.nodes {
            node.paused_until = 0;
            node.cut_off_until = 0;
            node.ahead_ms = 0;
        }
    }
}
