"""Every error of the runtime, branched by what the reader must do next.

    BotError
    ├── Retry       try again, same id, with back-off
    │   ├── VenueUnavailable, VenueUntrusted, RateLimited, StoreUnavailable, Conflict
    ├── Refused     record it and go on
    │   ├── RejectedByVenue, RejectedByRisk, InvalidCommand, InvalidDecision, AlreadyRecorded, NotAllWell,
    │   ├── MoreIsLeft, InvalidObservation, SpoolFull, SpoolUnusable, ArtefactUnusable, ArtefactsUnavailable,
    │   ├── InvalidRequest, NotSignedIn, NotPermitted, NotFound, KeyUsedBefore, UserDisabled, TooManyRequests,
    │   │   RequestTooLarge
    ├── Uncertain   stop trading this symbol until it is proved
    │   └── OutcomeUnknown
    └── Halt        leave the process; the supervisor restarts it into recovery
        ├── BadSettings, BadInput, SchemaMismatch, MigrationStopped, LeaseHeld, LeaseLost, BrokenInvariant, StoreLost,
        ├── NotAllowed, LibraryMissing, ShutdownOverrun, StoreUntrusted
        ├── BackupMissing, BackupUnfinished, BackupLost, BackupTruncated, BackupAltered, BackupMixedUp, BackupTooNew,
        ├── BackupUnreadable, BackupDiffers, BackupIncomplete, DatabaseExists, DumpFailed, DrillFailed,
        ├── BucketUnavailable
        └── VenueUnsafe, LocalServerBroken, PortBusy, DiskFull, NoPermission, AlreadyRunning

A class's docstring is the sentence that a person reads, with its facts in braces. Facts stay attributes, so that
nobody ever parses a message. `exit_code` is what the process leaves with; docs/configuration.md lists them.
"""

import inspect
from typing import Any, ClassVar


class BotError(Exception):
    """Something went wrong: {detail}."""

    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        self.facts = facts

    def __str__(self) -> str:
        return " ".join(inspect.cleandoc(type(self).__doc__ or "").split()).format_map(self.facts)


class Retry(BotError):
    """It may work if tried again: {detail}."""


class VenueUnavailable(Retry):
    """{venue} could not be reached while we tried to {action}: {detail}. Nothing was changed; it is tried again."""

    exit_code = 14


class VenueUntrusted(VenueUnavailable):
    """Whoever answered as {venue} did not prove to be it while we tried to {action}: {detail}. Nothing was sent; it is
    tried again. Look at this machine's clock, and at who may stand between it and the venue."""


class RateLimited(Retry):
    """{venue} asks us to slow down while we tried to {action}: {detail}. It is tried again later."""

    exit_code = 14


class StoreUnavailable(Retry):
    """PostgreSQL did not answer while we tried to {action}: {detail}. No new risk is taken; it is tried again."""

    exit_code = 13


class Conflict(Retry):
    """Another transaction touched the same rows ({detail}). The whole transaction is tried again."""


class Refused(BotError):
    """It was refused: {detail}."""


class RejectedByVenue(Refused):
    """{venue} refused it ({code}): {detail}."""


class RejectedByRisk(Refused):
    """The risk limit {limit} forbids it: {detail}."""


class InvalidCommand(Refused):
    """The command {verb} cannot be carried out: {detail}."""

    exit_code = 3


class InvalidDecision(Refused):
    """The strategy {strategy} decided nonsense: {detail}. Its bot is halted; its neighbours trade on."""


class AlreadyRecorded(Refused):
    """It stands in the ledger already ({constraint}), found while we tried to {action}; it is not done twice."""


class NotAllWell(Refused):
    """{count} thing(s) are not well; they are named above."""

    exit_code = 4


class MoreIsLeft(Refused):
    """The time for it was over before all was done; what was done stands, run it again for what is left: {left}."""

    exit_code = 5


class InvalidObservation(Refused):
    """A {kind} cannot be kept: {detail}. It is dropped and counted; trading goes on."""


class SpoolFull(Refused):
    """The spool in {folder} has no room for another {kind}: it is dropped and counted; trading goes on."""


class SpoolUnusable(Refused):
    """Nothing can be kept in the spool {folder}: {detail}. {remedy} Trading goes on; what is seen meanwhile is dropped
    and counted."""


class ArtefactUnusable(Refused):
    """The artefact {sha256} in {place} cannot be used: {detail}. What was learned before it is used instead."""


class ArtefactsUnavailable(Refused):
    """Nothing can be put into {place} or read from it: {detail}. Trading goes on; what is learned now is not kept."""


class InvalidRequest(Refused):
    """The request cannot be understood: {detail}. Nothing was done."""


class NotSignedIn(Refused):
    """The request shows no token that is valid now: {detail}. `python -m runtime token` makes one."""


class NotPermitted(Refused):
    """This needs the role {needed}, and the token says {role}. Nothing was done."""


class NotFound(Refused):
    """There is no {noun} {key} that you may see."""


class UserDisabled(Refused):
    """The user {user} is disabled, so nothing is begun that may take new risk. Nothing was done. What lowers risk is
    done all the same; `python -m runtime user --enable` ends it."""


class KeyUsedBefore(Refused):
    """The Idempotency-Key {key} was used for another request. Nothing was done; a new wish needs a new key."""


class TooManyRequests(Refused):
    """More requests came than the {limit} a second that are answered: try again in {seconds} seconds."""


class RequestTooLarge(Refused):
    """The request is larger than {limit} bytes. Nothing of it was read."""


class Uncertain(BotError):
    """Nobody knows yet what happened: {detail}."""


class OutcomeUnknown(Uncertain):
    """Order {client_order_id} was sent and {venue} gave no answer that proves its fate: {detail}."""


class Halt(BotError):
    """The process must stop: {detail}."""


class BadSettings(Halt):
    """The settings have {count} fault(s), nothing was started: {faults}"""

    exit_code = 10


class BadInput(Halt):
    """{where} cannot be read: {detail}. {remedy}"""

    exit_code = 10


class SchemaMismatch(Halt):
    """The database is at revision {found}, this program needs {needed}: {remedy}"""

    exit_code = 11


class MigrationStopped(Halt):
    """The migration stopped, and the revision that was under way was undone: {detail}. {remedy}"""

    exit_code = 11


class LeaseHeld(Halt):
    """Account {account} is being traded by {holder} until {until}; only one process may. Stop that one, or wait."""

    exit_code = 12


class LeaseLost(Halt):
    """The lease on account {account} (epoch {epoch}) is no longer ours: {detail}. Nothing more is sent or written."""

    exit_code = 12


class StoreLost(Halt):
    """PostgreSQL stayed away for {seconds} seconds, longer than allowed. The supervisor restarts us into recovery."""

    exit_code = 13


class NotAllowed(Halt):
    """PostgreSQL does not let this role {action}: {detail}. Check which role DATABASE_URL names."""

    exit_code = 13


class StoreUntrusted(Halt):
    """The server did not prove to be our PostgreSQL: {detail}. No password was sent. Check HOLDFAST_DATABASE_CA."""

    exit_code = 13


class ShutdownOverrun(Halt):
    """Leaving in good order took longer than {seconds} seconds; we leave as a crash would, the next start recovers."""

    exit_code = 21


class VenueUnsafe(Halt):
    """{venue} must not be traded like this: {detail}. {remedy}"""

    exit_code = 22


class BrokenInvariant(Halt):
    """A promise of the program is broken: {detail}. This is a defect; nothing more is traded."""

    exit_code = 15


class LocalServerBroken(Halt):
    """The embedded PostgreSQL in {folder} cannot be used: {detail}. {remedy}"""

    exit_code = 16


class PortBusy(Halt):
    """Port {port} on {host} is taken by another program: stop it, or choose another with {setting}."""

    exit_code = 17


class DiskFull(Halt):
    """The disk that holds {folder} is full: free some room and start again; what was acknowledged is safe."""

    exit_code = 18


class NoPermission(Halt):
    """{folder} may not be written by this user: {remedy}"""

    exit_code = 19


class AlreadyRunning(Halt):
    """Holdfast already runs on {folder} (process {pid}): look at it with `make status`, or stop it with `make stop`."""

    exit_code = 20


class BackupMissing(Halt):
    """There is no backup {wanted} in {place}. `backups` lists what is there."""

    exit_code = 30


class BackupUnfinished(Halt):
    """Backup {name} in {place} has no manifest: it was never finished and does not count. Take an older one."""

    exit_code = 31


class BackupLost(Halt):
    """Backup {name} in {place} has a manifest and no dump: somebody removed it. Take another, and find out who."""

    exit_code = 32


class BackupTruncated(Halt):
    """Backup {name} in {place} is cut short: {found} of {expected} bytes are there. Take another one."""

    exit_code = 33


class BackupAltered(Halt):
    """Backup {name} in {place} is not what was written: {detail}. Take another one, and find out what changed it."""

    exit_code = 34


class BackupMixedUp(Halt):
    """The manifest of backup {name} in {place} is that of {found}: they were mixed up. Neither is believed."""

    exit_code = 35


class BackupUnreadable(Halt):
    """The manifest of backup {name} in {place} cannot be read: {detail}. Take another backup."""

    exit_code = 36


class BackupTooNew(Halt):
    """Backup {name} is of revision {found}, this program knows none after {newest}: restore it with a newer program."""

    exit_code = 37


class BackupDiffers(Halt):
    """Backup {name} was restored and does not hold what its manifest says: {detail}. What was restored is dropped."""

    exit_code = 38


class LibraryMissing(Halt):
    """{what} needs the library {library}, which is not installed here. {remedy}"""

    exit_code = 23


class BackupIncomplete(Halt):
    """Backup {name} is what was written, but {count} artefact(s) that it names cannot be had: {detail}. Look for them
    in the older versions of the bucket or folder; without them the bots use what they learned before."""

    exit_code = 43


class DatabaseExists(Halt):
    """There is a database {database} already; a restore never writes over one. Give --into another name."""

    exit_code = 39


class DumpFailed(Halt):
    """{program} failed: {detail}. {remedy}"""

    exit_code = 40


class DrillFailed(Halt):
    """The drill of backup {name} failed, {step}: {detail}. Everything that it made was dropped."""

    exit_code = 41


class BucketUnavailable(Halt):
    """S3 did not let us {action} in {bucket}: {detail}. Nothing counts that is not listed; try again."""

    exit_code = 42
