//! `starling testnet up`.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::context::Context;
use crate::error::{CliError, ExitContext as _, FileContext as _, Outcome};
use crate::exit::{Exit, TABLE};
use crate::interrupt;
use crate::testnet::birth::Pace;
use crate::testnet::child::Recipe;
use crate::testnet::control;
use crate::testnet::folder::{Folder, Plan};
use crate::testnet::greeting::Greeting;
use crate::testnet::setup::{self, Prepared, Wish};
use crate::testnet::supervisor::{Message, Supervisor};

const EXAMPLES: &str = "\
Examples:
  starling testnet up                  four validators; Ctrl-C stops them
  starling testnet up -d --json        in the background; returns when block 1 is final
  starling testnet up --validators 7 --testnet big
  starling testnet up --port-base 9100
  starling testnet up --epoch-blocks 20 --unbonding 1m   to try staking: starling stake --help

The network lives in $XDG_STATE_HOME/starling/testnets/NAME. A later `up` goes on with it.";

/// `starling testnet up`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct UpArgs {
    /// Number of validators, 1 to 64 [default: 4].
    #[arg(long, value_name = "N")]
    validators: Option<u16>,
    /// Ports: HTTP from N+1, neighbours from N+101; a free range is found if left out.
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    #[command(flatten)]
    pace: Pace,
    /// Go on in the background.
    #[arg(short, long)]
    detach: bool,
    /// Be the background process of `-d`.
    #[arg(long, hide = true, conflicts_with = "detach")]
    supervise: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Locked`] if it runs already, [`Exit::PortInUse`], [`Exit::Config`] for other parameters.
pub(super) fn run(context: &Context, folder: &Folder, args: &UpArgs) -> Outcome {
    if args.detach {
        return detach(context, folder, args);
    }
    let started = Instant::now();
    let lock = folder.lock()?;
    let wish = Wish {
        validators: args.validators,
        port_base: args.port_base,
        pace: args.pace,
    };
    let prepared = setup::prepare(folder, wish)?;
    let (inbox, outbox) = channel();
    control::listen(folder, inbox.clone()).on("listen in", folder.path())?;
    let supervisor = Supervisor::start(recipes(folder, &prepared.plan)?, context.output)?;
    let stop = inbox.clone();
    interrupt::on_request(move |_| {
        let _ = stop.send(Message::Stop);
    })?;
    let (silent, ports) = (args.supervise, prepared.ports.clone());
    greet(context, folder, (prepared, started, silent), inbox)?;
    let result = supervisor.run(&outbox);
    drop((ports, lock));
    if result.is_ok() && !silent {
        let name = folder.name();
        context
            .output
            .note(&format!("testnet \"{name}\" stopped; its data is kept"));
        context
            .output
            .next(&format!("starling testnet up{}", folder.flag()));
    }
    result
}

fn recipes(folder: &Folder, plan: &Plan) -> Outcome<Vec<(String, Recipe)>> {
    let program = std::env::current_exe().exit(Exit::Io)?;
    let recipe = |(_, name): (u16, String)| {
        let path = folder.node(&name);
        let config = path.join("node.toml").display().to_string();
        let arguments = ["node", "run", "--exit-with-parent", "--config", &config];
        let recipe = Recipe {
            program: program.clone(),
            arguments: arguments.map(str::to_owned).into(),
            log: path.join("log"),
        };
        (name, recipe)
    };
    Ok(plan.nodes().map(recipe).collect())
}

/// Watches the network come up beside the supervisor.
fn greet(
    context: &Context,
    folder: &Folder,
    (prepared, started, silent): (Prepared, Instant, bool),
    inbox: Sender<Message>,
) -> Outcome {
    let (output, timeout) = (context.output, context.global.timeout);
    let folder = folder.clone();
    let watch = move || {
        let greeting = Greeting {
            output,
            folder: &folder,
            plan: &prepared.plan,
            is_new: prepared.is_new,
            is_detached: false,
            started,
            timeout,
        };
        // Detached, the process that started this one tells the user.
        let result = if silent { Ok(()) } else { greeting.run() };
        let _ = inbox.send(match result {
            Ok(()) => Message::Ready,
            Err(error) => Message::Failed(error),
        });
    };
    let thread = thread::Builder::new().name("greeting".to_owned());
    thread.spawn(watch).exit(Exit::Io)?;
    Ok(())
}

/// Starts the supervisor in the background, and waits until the network is up.
fn detach(context: &Context, folder: &Folder, args: &UpArgs) -> Outcome {
    let started = Instant::now();
    let is_new = folder.plan()?.is_none();
    drop(folder.lock()?);
    let mut child = spawn(folder, args)?;
    while control::call(folder, &control::Request::Status).is_err() {
        check_alive(folder, &mut child)?;
        thread::sleep(Duration::from_millis(20));
    }
    let plan = folder.plan()?.ok_or_else(|| {
        CliError::new(
            Exit::Failure,
            "the testnet is gone again; did somebody remove it?",
        )
    })?;
    let greeting = Greeting {
        output: context.output,
        folder,
        plan: &plan,
        is_new,
        is_detached: true,
        started,
        timeout: context.global.timeout,
    };
    greeting.run().or_else(|error| {
        check_alive(folder, &mut child)?;
        Err(error)
    })
}

fn spawn(folder: &Folder, args: &UpArgs) -> Outcome<Child> {
    let path = folder.supervisor_log();
    let log = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&path)
        .on("write", &path)?;
    let program = std::env::current_exe().exit(Exit::Io)?;
    let mut command = Command::new(&program);
    command.args(["testnet", "up", "--supervise", "--testnet", folder.name()]);
    for (flag, value) in [
        ("--validators", args.validators),
        ("--port-base", args.port_base),
    ] {
        if let Some(value) = value {
            command.args([flag, &value.to_string()]);
        }
    }
    if let Some(blocks) = args.pace.epoch_blocks {
        command.args(["--epoch-blocks", &blocks.to_string()]);
    }
    if let Some(unbonding) = args.pace.unbonding {
        command.args(["--unbonding", &format!("{}ms", unbonding.as_millis())]);
    }
    // A group of its own: what the terminal sends to the foreground does not reach it.
    command
        .env_remove("STARLING_JSON")
        .stdin(Stdio::null())
        .stdout(log.try_clone().on("write", &path)?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .on("start", &program)
}

/// Ends with the supervisor's own error if it has ended.
fn check_alive(folder: &Folder, child: &mut Child) -> Outcome {
    let Some(status) = child.try_wait().exit(Exit::Io)? else {
        return Ok(());
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let row = TABLE.iter().find(|row| Some(row.1) == code && row.1 != 0);
    let exit = row.map_or(Exit::Failure, |row| row.0);
    let path = folder.supervisor_log();
    let text = std::fs::read_to_string(&path).on("read", &path)?;
    let line = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix));
    let message = line("error: ").unwrap_or("the supervisor ended");
    let next = line("  next: ").map_or(format!("read {}", path.display()), str::to_owned);
    Err(CliError::new(exit, message).next(next))
}
