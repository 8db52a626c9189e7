//! What a policy exports, found and checked once: who asks looks up one function, and not all that there are.

use super::bindings::MessagePolicyPre;
use super::imports::State;
use wasmtime::component::{ComponentExportIndex, InstancePre};

/// The interface of `plugins/wit`. A policy built for a later 1.x has it by the same rules as any package.
const POLICY: &str = "tidings:policy/policy@1.0.0";

/// The functions of one policy, and how an instance of it is made.
#[derive(Clone)]
pub(super) struct Exports {
    pub(super) pre: InstancePre<State>,
    pub(super) describe: ComponentExportIndex,
    pub(super) configure: ComponentExportIndex,
    pub(super) plan: ComponentExportIndex,
    pub(super) decide: ComponentExportIndex,
    pub(super) on_failure: ComponentExportIndex,
    pub(super) on_reply: ComponentExportIndex,
}

impl Exports {
    /// # Errors
    ///
    /// A function is missing, or takes or gives something else than the contract says.
    pub(super) fn of(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        MessagePolicyPre::new(pre.clone())?;
        let component = pre.component();
        let find = |within: Option<&ComponentExportIndex>, name: &str| {
            let found = component.get_export_index(within, name);
            found.ok_or_else(|| wasmtime::format_err!("no export `{name}` found"))
        };
        let policy = find(None, POLICY)?;
        let function = |name| find(Some(&policy), name);
        Ok(Self {
            describe: function("describe")?,
            configure: function("configure")?,
            plan: function("plan")?,
            decide: function("decide")?,
            on_failure: function("on-failure")?,
            on_reply: function("on-reply")?,
            pre,
        })
    }
}
