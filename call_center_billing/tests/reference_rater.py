"""The independent reference of rating: one call and one period at a time, in exact fractions, as slow as it is plain.

It is written from the description of the product, not from the engine, and needs no Odoo. A period of a contract is
billed by :func:`charges`:

>>> plan = Plan(rules=[Rule("Calls", time_price="0.006", first=30, next=6)])
>>> calls = [Call("A", datetime(2026, 10, 5, 8, tzinfo=UTC), talk=talk) for talk in (32, 57, 75)]
>>> [(price(plan, call).seconds, str(price(plan, call).amount)) for call in calls]
[(36, '0.0036000000'), (60, '0.0060000000'), (78, '0.0078000000')]
>>> [charge] = charges([Line("A", plan)], calls, date(2026, 10, 1), date(2026, 10, 31)).charges
>>> charge.component, charge.seconds, str(charge.amount)
('duration', 174, '0.02')

Prices and quantities are given as decimals or as text, never as floats.
"""

from collections import namedtuple
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, inf
from zoneinfo import ZoneInfo

SCALE = {"call": 1, "minute": 60}
"""What a plan's units are in those that are counted here: seconds, or calls (quantity)."""


# --- What a contract says -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Calendar:
    hours: dict  # weekday, Monday is 0 -> [(from second, to second)] of wall time
    holidays: tuple = ()  # dates

    def is_in_hours(self, local):
        second = local.hour * 3600 + local.minute * 60 + local.second
        return any(begin <= second < end for begin, end in self.hours.get(local.weekday(), ()))


@dataclass(frozen=True)
class Tier:
    up_to: Decimal | None  # inclusive; None in the last one
    price: Decimal
    flat_fee: Decimal = 0


Destination = namedtuple("Destination", "prefix minute_price call_price first next")


@dataclass(frozen=True)
class Rule:
    name: str
    kind: str = "call"  # call, agent_time, message, outcome
    direction: str | None = None
    queue: str | None = None
    campaign: str | None = None
    skill: str | None = None
    disposition: str | None = None
    product: str | None = None
    date_start: date | None = None
    date_end: date | None = None
    priority: int = 0
    source: str = "own"  # own, deck, cost
    deck: tuple = ()  # Destinations
    markup: Decimal = 0  # percent
    time_price: Decimal = 0
    time_unit: str = "minute"  # minute, hour
    call_price: Decimal = 0
    counts: tuple = ("talk", "hold", "wrap")
    part_rates: tuple = ()  # (part, price per minute)
    charged: tuple = ("answered",)  # dispositions
    grace: int = 0
    minimum: int = 0
    maximum: int = 0
    first: int = 60
    next: int = 60
    average_cap: int = 0
    round_on: str = "call"  # call, sum
    band_split: str = "start"  # start, split
    tier_mode: str | None = None  # graduated, volume, package
    tier_unit: str = "call"  # call, minute
    tiers: tuple = ()
    package_size: Decimal = 0
    package_free: Decimal = 0
    package_price: Decimal = 0


@dataclass(frozen=True)
class Premium:
    name: str
    effect: str  # replace, add, multiply
    value: Decimal
    target: str = "time"  # time, call, both
    calendar: Calendar | None = None
    when: str | None = None  # inside, outside, holiday
    also_holidays: bool = False
    queue: str | None = None
    campaign: str | None = None
    skill: str | None = None
    rules: tuple = ()  # names; none: all
    date_start: date | None = None
    date_end: date | None = None


@dataclass(frozen=True)
class Allowance:
    name: str
    quantity: Decimal
    unit: str = "minute"  # minute, call
    rules: tuple = ()  # names; none: those for calls that no other names
    order: str = "date"  # date, dearest, cheapest, proportional
    pooled: bool = False
    prorated: bool = True
    rollover: bool = False
    rollover_cap: Decimal = 0
    rollover_periods: int = 1
    date_start: date | None = None
    date_end: date | None = None


@dataclass(frozen=True)
class Term:
    name: str
    kind: str  # fee, forecast, fte, cap, minimum
    amount: Decimal
    scope: str = "line"  # line, contract
    rules: tuple = ()  # names; none: all
    count_fees: bool = True
    prorated: bool = True
    unit: str = "call"  # call, minute
    forecast: Decimal = 0
    share: Decimal = 100  # percent
    fte: Decimal = 1
    hours: Decimal = 0
    date_start: date | None = None
    date_end: date | None = None


@dataclass(frozen=True)
class Plan:
    rules: tuple = ()
    premiums: tuple = ()  # in order of their sequence
    allowances: tuple = ()
    terms: tuple = ()
    parent: "Plan | None" = None

    def layers(self):
        return [self, *(self.parent.layers() if self.parent else [])]

    def all_rules(self):
        return [rule for plan in self.layers() for rule in plan.rules]

    def own_or_inherited(self, name):
        return next((getattr(plan, name) for plan in self.layers() if getattr(plan, name)), ())


@dataclass(frozen=True)
class Line:
    name: str
    plan: Plan
    product: str | None = None
    date_start: date = date.min
    date_end: date = date.max

    def share(self, start, end):
        """The part of a period that the line is in force.

        >>> Line("A", Plan(), date_start=date(2026, 2, 24)).share(date(2026, 2, 1), date(2026, 2, 28))
        Fraction(5, 28)
        """
        days = (min(end, self.date_end) - max(start, self.date_start)).days + 1
        return Fraction(max(days, 0), (end - start).days + 1)


@dataclass(frozen=True)
class Call:
    line: str  # name of the contract line
    start: datetime  # with a zone
    kind: str = "call"
    direction: str = "inbound"
    disposition: str = "answered"
    called: str = ""
    queue: str = ""
    campaign: str = ""
    skill: str = ""
    ring: int = 0
    queue_time: int = 0
    ivr: int = 0
    talk: int = 0
    hold: int = 0
    wrap: int = 0
    transfer: int = 0
    quantity: Decimal = 1
    provider_cost: Decimal = 0
    ref: str = ""


# --- One call -----------------------------------------------------------------------------------------


def in_force(thing, day):
    return (thing.date_start or date.min) <= day <= (thing.date_end or date.max)


def plain(text):
    return (text or "").strip().lower()


def fits(thing, call, names):
    """Whether all conditions that are filled hold."""
    return all(not getattr(thing, name) or plain(getattr(thing, name)) == plain(getattr(call, name)) for name in names)


def choose(plan, call, day, product=None):
    """The rule that prices a call, or None.

    >>> broad, narrow = Rule("Any"), Rule("Spanish", skill="es")
    >>> choose(Plan([broad, narrow]), Call("A", datetime(2026, 10, 5), skill=" ES "), date(2026, 10, 5)).name
    'Spanish'
    """
    names = ("direction", "queue", "campaign", "skill", "disposition")
    fitting = [
        (rule.priority, -depth, sum(bool(getattr(rule, name)) for name in (*names, "product")), rule)
        for depth, layer in enumerate(plan.layers())
        for rule in layer.rules
        if rule.kind == call.kind and in_force(rule, day) and fits(rule, call, names) and rule.product in (None, product)
    ]
    return max(fitting, key=lambda each: each[:3])[3] if fitting else None


def round_up(seconds, first, following):
    """Whole steps that hold the seconds, taken one after the other.

    >>> [round_up(85, 60, 60), round_up(85, 30, 6), round_up(85, 1, 1), round_up(0, 60, 60)]
    [120, 90, 85, 0]
    """
    if seconds <= 0:
        return 0
    charged = first
    while charged < seconds:
        charged += following
    return charged


def held_premiums(plan, rule, call, local, day):
    """The premiums that hold at a moment of wall time."""

    def holds(premium):
        if not in_force(premium, day) or premium.rules and rule.name not in premium.rules:
            return False
        if not fits(premium, call, ("queue", "campaign", "skill")):
            return False
        if premium.when is None:
            return True
        holiday = local.date() in premium.calendar.holidays
        if premium.when == "holiday":
            return holiday
        if holiday:
            return premium.also_holidays
        return premium.calendar.is_in_hours(local) == (premium.when == "inside")

    return tuple(premium for layer in plan.layers() for premium in layer.premiums if holds(premium))


def with_premiums(premiums, base, target, effects=("replace", "add", "multiply")):
    """The first price that replaces, or the base; then all that is added; then all factors.

    >>> language, holiday = Premium("es", "add", "0.20"), Premium("holiday", "multiply", "1.5")
    >>> with_premiums((holiday, language), "1.00", "time")
    Fraction(9, 5)
    """
    mine = [p for p in premiums if p.target in (target, "both") and p.effect in effects]
    result = Fraction(next((p.value for p in mine if p.effect == "replace"), base))
    result += sum(Fraction(p.value) for p in mine if p.effect == "add")
    for premium in mine:
        if premium.effect == "multiply":
            result *= Fraction(premium.value)
    return result


@dataclass
class Stretch:
    """A call, or the part of it that has one price. What belongs to the call as a whole is with its first stretch."""

    call: Call
    rule: Rule
    premiums: tuple
    destination: Destination | None
    seconds: int
    quantity: Fraction = Fraction(0)
    parts: dict = field(default_factory=dict)  # part -> charged seconds
    cost: Fraction = Fraction(0)
    # What an allowance leaves to be charged
    share: Fraction = Fraction(1)
    time_share: Fraction = Fraction(1)
    free_seconds: int = 0
    free_quantity: Fraction = Fraction(0)
    is_free: bool = False

    @property
    def charged_seconds(self):
        return 0 if self.is_free else self.seconds - self.free_seconds

    @property
    def charged_quantity(self):
        return self.quantity - self.free_quantity

    @property
    def group(self):
        """Usage of one price."""
        return self.call.line, self.rule.name, self.destination, tuple(premium.name for premium in self.premiums)

    def second_price(self, tier=None):
        rule, factor = self.rule, 1 + Fraction(self.rule.markup) / 100
        if rule.source == "cost":
            return Fraction(0)
        if tier and rule.tier_unit == "minute":
            return with_premiums(self.premiums, tier.price, "time") / 60
        if self.destination:
            return with_premiums(self.premiums, Fraction(self.destination.minute_price) * factor, "time") / 60
        return with_premiums(self.premiums, rule.time_price, "time") / (3600 if rule.time_unit == "hour" else 60)

    def call_price(self, tier=None):
        rule, factor = self.rule, 1 + Fraction(self.rule.markup) / 100
        if rule.source == "cost":
            return Fraction(0)
        if tier and rule.tier_unit == "call":
            return with_premiums(self.premiums, tier.price, "call")
        base = Fraction(self.destination.call_price) * factor if self.destination else rule.call_price
        return with_premiums(self.premiums, base, "call")

    def part_price(self, part):
        """Per second."""
        return with_premiums(self.premiums, dict(self.rule.part_rates)[part], "time", ("multiply",)) / 60

    def list_amount(self):
        """What it costs before allowances and tiers."""
        parts = sum(seconds * self.part_price(part) for part, seconds in self.parts.items())
        time = Fraction(as_decimal(self.seconds * self.second_price(), 10))
        return time + self.quantity * self.call_price() + parts + self.cost


Priced = namedtuple("Priced", "rule reason seconds amount stretches")


def price(plan, call, zone="UTC", product=None):
    """The price of one call: its rule, why it is not charged or None, billed seconds, list amount, stretches."""
    begin = call.start.astimezone(UTC)
    start = begin.astimezone(ZoneInfo(zone))
    rule = choose(plan, call, start.date(), product)
    if not rule:
        return Priced(None, "no_rule", 0, Decimal(0), [])
    destination = None
    if rule.source == "deck":
        destinations = [each for each in rule.deck if call.called.lstrip("+").startswith(each.prefix)]
        if not destinations:
            return Priced(rule, "no_destination", 0, Decimal(0), [])
        destination = max(destinations, key=lambda each: len(each.prefix))
    first, following = (destination or rule).first, (destination or rule).next

    counted = sum(getattr(call, part) for part in rule.counts)
    if call.kind == "call" and call.disposition not in rule.charged:
        return Priced(rule, "disposition", 0, Decimal(0), [])
    if rule.grace and counted <= rule.grace:
        return Priced(rule, "short", 0, Decimal(0), [])
    if rule.maximum:
        counted = min(counted, rule.maximum)
    seconds = max(counted, rule.minimum) if counted > 0 else 0
    if rule.round_on == "call":
        seconds = round_up(seconds, first, following)

    def held_at(second):
        return held_premiums(plan, rule, call, (begin + timedelta(seconds=second)).astimezone(start.tzinfo), start.date())

    if rule.band_split == "split" and seconds:
        stretches = []
        for premiums in map(held_at, range(seconds)):
            if not stretches or stretches[-1].premiums != premiums:
                stretches.append(Stretch(call, rule, premiums, destination, 0))
            stretches[-1].seconds += 1
    else:
        stretches = [Stretch(call, rule, held_at(0), destination, seconds)]
    stretches[0].quantity = Fraction(call.quantity)
    stretches[0].parts = {part: round_up(getattr(call, part), first, following) for part, _price in rule.part_rates}
    if rule.source == "cost":
        stretches[0].cost = Fraction(call.provider_cost) * (1 + Fraction(rule.markup) / 100)
    amount = sum(stretch.list_amount() for stretch in stretches)
    return Priced(rule, None, seconds, as_decimal(amount, 10), stretches)


# --- One period ---------------------------------------------------------------------------------------


Charge = namedtuple("Charge", "line rule component seconds quantity amount")
Bill = namedtuple("Bill", "charges carried used granted")


def as_decimal(amount, decimals=2):
    """Rounded once, halves away from zero.

    >>> as_decimal(Fraction("0.125")), as_decimal(Fraction("-0.125")), as_decimal(Fraction(1, 3))
    (Decimal('0.13'), Decimal('-0.13'), Decimal('0.33'))
    """
    amount = Fraction(amount)
    whole = floor(abs(amount) * 10**decimals + Fraction(1, 2))
    return Decimal(whole if amount >= 0 else -whole).scaleb(-decimals)


def charges(lines, calls, start, end, zone="UTC", carried=None, billed=None):
    """Bill one period of a contract.

    :param carried: what the period before carried over: {(line or None, allowance): [(units, periods since)]}, oldest first
    :param billed: calls of the period that an earlier invoice charged: then ``calls`` are late usage
    :return: Bill: the charges; what is carried to the next period; used and granted units of each allowance
    """
    lines = [line for line in lines if line.share(start, end)]
    late = billed is not None
    old = stretches_of(lines, billed or (), start, end, zone)
    new = stretches_of(lines, calls, start, end, zone)
    carried_on, used, granted = cover(lines, old, new, start, end, carried or {}, late)
    result = []
    for line in lines:
        for rule in line.plan.all_rules():
            if rule.product in (None, line.product):
                mine = [[s for s in some if s.call.line == line.name and s.rule is rule] for some in (old, new)]
                result += rule_charges(line, rule, *mine, start, late)
    if not late:
        add_terms(result, lines, new, start, end)
    return Bill(result, carried_on, used, granted)


def stretches_of(lines, calls, start, end, zone):
    """All that is charged or included, in the order in which it is rated."""
    by_name = {line.name: line for line in lines}
    stretches = []
    for call in sorted(calls, key=lambda call: (call.start, call.ref)):
        if start <= call.start.astimezone(ZoneInfo(zone)).date() <= end:
            line = by_name[call.line]
            stretches += price(line.plan, call, zone, line.product).stretches
    return stretches


# Allowances


def cover(lines, old, new, start, end, carried, late):
    """Mark what the allowances make free, first in what is billed already, then in what is new.

    :return: what is carried on, what was used, what was granted: each by (line or None if pooled, allowance)
    """
    carried_on, used, granted = {}, {}, {}
    for allowance, mine in pools(lines, start):
        key = (None if allowance.pooled else mine[0].name, allowance.name)
        share = mine[0].share(start, end) if allowance.prorated else 1
        own = floor(Fraction(allowance.quantity) * share * SCALE[allowance.unit])
        lots = [*carried.get(key, []), (own, 0)]
        granted[key] = left = sum(units for units, _age in lots)
        left -= make_free(allowance, covered_by(allowance, mine, old), left)
        rest = roll_over(allowance, lots, granted[key] - left)
        if late:
            left -= sum(units for units, _age in rest)
            left -= make_free(replace(allowance, order="date"), covered_by(allowance, mine, new), left)
        else:
            left -= make_free(allowance, covered_by(allowance, mine, new), left)
            rest = roll_over(allowance, lots, granted[key] - left)
        used[key] = granted[key] - left
        carried_on[key] = rest
    return carried_on, used, granted


def pools(lines, start):
    """Each allowance with the contract lines that share it."""
    for plan in {id(line.plan): line.plan for line in lines}.values():
        mine = [line for line in lines if line.plan is plan]
        for allowance in plan.own_or_inherited("allowances"):
            if in_force(allowance, start):
                yield from [(allowance, mine)] if allowance.pooled else [(allowance, [line]) for line in mine]


def covered_by(allowance, lines, stretches):
    """What of some usage an allowance covers."""
    plan = lines[0].plan
    named = {name for each in plan.own_or_inherited("allowances") for name in each.rules}

    def covers(rule):
        if rule.source != "own":  # what is passed on has no price of ours that could be free
            return False
        return rule.name in allowance.rules if allowance.rules else rule.kind == "call" and rule.name not in named

    return [s for s in stretches if s.call.line in [line.name for line in lines] and covers(s.rule)]


def make_free(allowance, pool, granted):
    """Use an allowance up on the usage it covers.

    :return: how much of it was used
    """
    units = (lambda s: s.seconds) if allowance.unit == "minute" else (lambda s: s.quantity)
    total = sum(units(s) for s in pool)
    if allowance.order == "proportional":
        for stretch in pool if total else ():
            stretch.time_share = 1 - Fraction(min(granted, total)) / total
            stretch.share = stretch.time_share if allowance.unit == "call" else Fraction(1)
        return min(granted, total)
    if allowance.order != "date":
        sign = -1 if allowance.order == "dearest" else 1
        prices = {s.group: unit_price(allowance, [each for each in pool if each.group == s.group], pool) for s in pool}
        pool = sorted(pool, key=lambda s: sign * prices[s.group])  # keeps the order of the calls where prices are equal
    left = granted
    for stretch in pool:
        take = min(left, units(stretch))
        left -= take
        if allowance.unit == "minute":
            stretch.free_seconds = take
        else:
            stretch.free_quantity = take
            if take == stretch.quantity and take:  # the call as a whole is free, with its other stretches
                for each in pool:
                    each.is_free |= each.call is stretch.call
    return granted - left


def unit_price(allowance, group, pool):
    """What a unit that becomes free costs in a price group: a call, all of it, that begins there."""
    if allowance.unit == "minute":
        return group[0].second_price()
    quantity = sum(s.quantity for s in group)
    calls = [s.call for s in group if s.quantity]
    amount = sum(s.list_amount() for s in pool if any(s.call is call for call in calls))
    return amount / quantity if quantity else Fraction(0)


def roll_over(allowance, lots, used):
    """What is left for the next period, oldest first: 70 of 100 used leave 30.

    >>> monthly = Allowance("A", 100, "call", rollover=True)
    >>> roll_over(monthly, [(100, 0)], 70), roll_over(monthly, [(30, 1), (100, 0)], 20)
    ([(30, 1)], [(100, 1)])
    """
    rest = []
    for units, age in lots:
        take = min(units, used)
        used -= take
        alive = allowance.rollover_periods == 0 or age + 1 <= allowance.rollover_periods
        if allowance.rollover and units > take and alive:
            rest.append((units - take, age + 1))
    cap = Fraction(allowance.rollover_cap) * SCALE[allowance.unit] or inf
    while sum(units for units, _age in rest) > cap:  # the oldest go first
        over = sum(units for units, _age in rest) - cap
        rest = [(rest[0][0] - over, rest[0][1]), *rest[1:]] if rest[0][0] > over else rest[1:]
    return rest


# Tiers and charges


def rule_charges(line, rule, old, new, start, late):
    """All charges of one rule on one contract line."""
    units = counted_by(rule)
    position = before = sum(units(s) for s in old)
    total = before + sum(units(s) for s in new)
    rows = {}  # (component, group, tier) -> what is charged together
    for s in new:
        for component, tier, *values in components(s, slices(rule, position, units(s), total)):
            together = None if component in ("cost", "destination", "included") else s.group
            rows.setdefault((component, together, tier), []).append((s, *values))
        position += units(s)
    for (component, group, tier), some in rows.items():
        seconds, quantity, amount = (sum(column) for column in list(zip(*some, strict=True))[1:])
        if component == "duration":
            seconds, amount = of_the_whole(rule, seconds, some[0][0], tier, [s for s in new if s.group == group])
        if amount or component == "included" and (seconds or quantity):
            yield Charge(line.name, rule.name, component.split()[0], seconds, quantity, as_decimal(amount))
    yield from volume_charges(line, rule, old, new, start, late)


def counted_by(rule):
    """What the tiers of a rule count of a stretch."""
    return (lambda s: s.charged_seconds) if rule.tier_unit == "minute" else (lambda s: s.charged_quantity)


def of_the_whole(rule, seconds, stretch, tier, usage):
    """Time that is capped on average and rounded on the sum: (seconds, amount)."""
    if rule.average_cap:
        seconds = min(seconds, sum(s.charged_quantity for s in usage) * rule.average_cap)
    if rule.round_on == "sum":
        seconds = round_up(seconds, rule.first, rule.next)
    return seconds, seconds * stretch.second_price(tier) * stretch.time_share


def components(s, of_tiers):
    """What one stretch is charged for: (component, tier, seconds, quantity, amount)."""
    rule, own = s.rule, of_tiers[0][0] if of_tiers else None  # the tier of what the tiers do not count
    packed = rule.tier_unit if rule.tier_mode == "package" else None
    if packed != "minute":
        for tier, seconds in of_tiers if rule.tier_unit == "minute" else [(own, s.charged_seconds)]:
            amount = seconds * s.second_price(tier) * s.time_share
            yield "destination" if s.destination else "duration", tier, seconds, 0, amount
    if packed != "call":
        for tier, quantity in of_tiers if rule.tier_unit == "call" else [(own, s.charged_quantity)]:
            yield "destination" if s.destination else "call", tier, 0, quantity, quantity * s.call_price(tier) * s.share
    if not s.is_free:
        for part, seconds in s.parts.items():
            yield f"part {part}", own, seconds, 0, seconds * s.part_price(part) * s.share
        yield "cost", None, 0, s.quantity, s.cost * s.share
    yield "included", None, s.seconds - s.charged_seconds, s.free_quantity, 0


def slices(rule, position, units, total):
    """Which tiers some more units of a period fall in, as (tier, units).

    >>> tiers = (Tier(500, "1.20"), Tier(1000, "1.00"), Tier(None, "0.80"))
    >>> for mode in ("graduated", "volume"):
    ...     [(tier.price, int(units)) for tier, units in slices(Rule("R", tier_mode=mode, tiers=tiers), 0, 1500, 1500)]
    [('1.20', 500), ('1.00', 500), ('0.80', 500)]
    [('0.80', 1500)]
    """
    if rule.tier_mode == "volume":
        return [(reached(rule, total)[-1], units)]
    if rule.tier_mode != "graduated":
        return [(None, units)]
    result = []
    for tier in rule.tiers:
        part = min(units, max(upper_bound(rule, tier) - position, 0))
        if part:
            result.append((tier, part))
        position, units = position + part, units - part
    return result


def upper_bound(rule, tier):
    return inf if tier.up_to is None else Fraction(tier.up_to) * SCALE[rule.tier_unit]


def reached(rule, total):
    """The tiers that a total reaches: the first one always, the next when the bound of the one before is passed."""
    bounds = [0, *(upper_bound(rule, tier) for tier in rule.tiers)]
    return [tier for number, tier in enumerate(rule.tiers) if number == 0 or total > bounds[number]]


def volume_charges(line, rule, old, new, start, late):
    """Packages and flat fees: what the total costs, without what an earlier invoice charged."""

    def packages(usage):
        units = Fraction(sum(map(counted_by(rule), usage))) / SCALE[rule.tier_unit] - Fraction(rule.package_free)
        return ceil(max(units, 0) / Fraction(rule.package_size))

    def flat_fees(usage):
        if not usage and not in_force(rule, start):
            return []
        tiers = reached(rule, sum(map(counted_by(rule), usage)))
        return [Fraction(tier.flat_fee) for tier in (tiers if rule.tier_mode == "graduated" else tiers[-1:])]

    if rule.tier_mode == "package":
        number = packages(old + new) - packages(old)
        if number:
            yield Charge(line.name, rule.name, "package", 0, number, as_decimal(number * Fraction(rule.package_price)))
    elif rule.tier_mode:
        paid, owed = flat_fees(old) if late else [], flat_fees(old + new)
        fees = owed[len(paid) :] if rule.tier_mode == "graduated" else [sum(owed) - sum(paid)]
        for fee in fees:
            if fee:
                yield Charge(line.name, rule.name, "flat", 0, 1, as_decimal(fee))


# Terms


def add_terms(result, lines, stretches, start, end):
    """Add the charges of the terms of a period to those of its usage, in their fixed order."""
    for kind in ("fee", "forecast", "fte", "cap", "minimum"):
        for plan in {id(line.plan): line.plan for line in lines}.values():
            mine = [line for line in lines if line.plan is plan]
            for term in plan.own_or_inherited("terms"):
                if term.kind == kind and in_force(term, start):
                    for some in [mine] if term.scope == "contract" else [[line] for line in mine]:
                        share = max(line.share(start, end) for line in some)
                        amount = as_decimal(term_amount(term, some, result, stretches, share))
                        if amount:
                            result.append(Charge(some[0].name, None, term.kind, 0, 1, amount))


def term_amount(term, lines, result, stretches, share):
    """What a term charges on some contract lines.

    :param result: the charges before it
    """
    names = [line.name for line in lines]
    usage = [s for s in stretches if s.call.line in names and (not term.rules or s.rule.name in term.rules)]
    mine = [charge for charge in result if charge.line in names]
    of_rules = [charge for charge in mine if charge.rule and (not term.rules or charge.rule in term.rules)]
    amount = Fraction(term.amount)
    if term.kind == "fee":
        return amount * share if term.prorated else amount
    if term.kind == "forecast":
        actual = sum(s.quantity if term.unit == "call" else Fraction(s.seconds, 60) for s in usage)
        return max(Fraction(term.share) / 100 * Fraction(term.forecast) - actual, 0) * amount
    if term.kind == "fte":
        delivered = sum(s.seconds for s in usage if s.rule.kind == "agent_time")
        return delivered / (Fraction(term.hours) * 3600) * Fraction(term.fte) * amount
    total = sum(Fraction(charge.amount) for charge in of_rules)
    if term.kind == "cap":
        return -max(total - amount, 0)
    others = ["forecast", "fte", "cap", *(["fee"] if term.count_fees else [])]
    total = sum(max(Fraction(charge.amount), 0) for charge in of_rules)
    total += sum(Fraction(charge.amount) for charge in mine if charge.component in others)
    return max((amount * share if term.prorated else amount) - max(total, 0), 0)
