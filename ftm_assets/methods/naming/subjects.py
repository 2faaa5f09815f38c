"""Subjects of earnings calls, each with the words by which it is known: headings for texts that share no phrase.

Belongs here: the headings, their words, and the index from words to subjects. A subject is a name only where most of
the texts use its words; that is measured in `coverage`.

Words that are ambiguous in calls are left out on purpose: "well" and "order" are rarely wells and orders.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftm_assets.methods.text.tokens import normal

Term = tuple[str, ...]
"""A word, or two in a row, in normal form."""

_SUBJECTS = """
Cash and liquidity: cash, liquidity, cashflow, working capital
Debt and financing: debt, leverage, loan, borrow, borrowing, refinance, covenant, bond, lender, revolver, indebtedness,
 deleverage, coupon, tranche, credit facility, credit line, balance sheet, credit metric, credit rating, debt maturity
Working capital: working capital, receivable, payable, DSO, collection
Dividends: dividend, payout
Share repurchases: repurchase, buyback, buy-back
Capital expenditures: capex, capital expenditure, capital spend, capital expense, capital program, capital plan
Capital investment: invest, investment, investor, reinvest, reinvestment, capital deployment
Capital allocation: capital allocation, allocate capital
Acquisitions: acquisition, acquire, merger, M&A, bolt-on, acquirer, takeover
Divestitures: divest, divestiture, divestment, disposal, disposition, carve-out, spin-off
Revenue: revenue, top-line
Sales: sale, sell-in, sell-out, sell-through, same-store
Earnings: earnings, EPS, earn, net income, profit, profitability
Margins: margin, EBITDA, EBIT, gross profit
Operating expenses: expense, opex, SG&A, G&A, overhead
Cost savings: saving, cost reduction, cost control, cost action, cost cut, restructure, fixed cost, cost structure,
 structural cost
Costs: cost
Raw material costs: inflation, input cost, raw material, resin, commodity price, input price
Freight costs: freight cost, shipping cost, freight rate
Taxes: tax, tax rate
Exchange rates: FX, currency, exchange rate, foreign exchange
Accounting adjustments: impairment, depreciation, amortization, write-down, write-off, goodwill, accrual, restatement
Guidance: guidance, midpoint
Business outlook: outlook, forecast, visibility, predict, prediction
Prices: price, discount
Volumes: volume, shipment, tonnage, ton, tonne
Demand: demand
Orders and backlog: backlog, order intake, new order, book-to-bill
Market share: market share, share gain
Competition: competitor, compete, competition, competitive
Customers: customer, client
Consumers: consumer, shopper, household
Brands: brand, rebrand, co-brand
Marketing: marketing, promotion, promotional, social media, loyalty
Advertising: advertising, advertise, advertiser, ad
Product launches: launch, new product
Products: product, assortment, SKU
Innovation and research: innovation, innovate, R&D, research, patent
E-commerce: e-commerce, ecommerce, online, Amazon, website, marketplace, omnichannel, omni-channel, omni, curbside
Digital technology: digital, digitally, app, mobile, platform, software, technology, cloud, algorithm, automation
Stores: store, remodel, storefront
Supply chain: supply chain, supplier, sourcing, procurement, vendor, supply base
Inventory: inventory, destocking, restocking
Production: production, plant, manufacture, manufacturing, manufacturer, factory, throughput
Capacity: capacity, utilization, utilisation
Operations: operation, operational
Workforce: employee, workforce, labor, labour, wage, staff, furlough, headcount, team member, layoff, hire
Board and leadership: leadership, board, director, appoint, appointment, successor, succession, committee, chairman
Communities and diversity: diverse, diversity, donate, donation, charity, inclusion, inclusive, volunteer, community
Health and safety: safety, safe, protective equipment, protocol, PPE
COVID-19 pandemic: COVID, COVID-19, pandemic, coronavirus, virus, outbreak
Vaccines: vaccine, vaccination, vaccinate
Lockdowns and reopening: lockdown, lock-down, reopen, shutdown, restriction, quarantine, stay-at-home
Economy: economy, economic, recession, GDP, unemployment, macroeconomic, macro
Crisis and uncertainty: crisis, uncertainty, uncertain, volatility, volatile
Recovery: recovery, recover, rebound
Regional markets: region, regional, country, geography, geographic, Europe, Asia, Latin America, North America, China,
 EMEA, APAC, Asia-Pacific
China: China, Chinese
Mexico: Mexico, Mexican
Europe: Europe, European, EU
Exports and imports: export, import, tariff
Regulation: regulation, regulator, regulatory, service commission, rate case, rulemaking, permit
Legislation and courts: legislation, law, court, lawsuit, litigation, ruling, appeal, legal, senate, parliament,
 dispute, plaintiff, judge, attorney, service commission, house bill, draft decision, draft law
Government policy: government, policy, administration, election, congress, federal, subsidy, stimulus, minister
Clinical trials: trial, clinical, dose, dosing, cohort, patient, enrollment, endpoint, toxicity, placebo, efficacy,
 biopsy, phase II, phase III
Drug approval: FDA, NDA, BLA, EMA, new drug
Diagnostic testing: test, assay, diagnostic, sequencing, screening, sequencer, genome, genomic, serology
Cancer: cancer, tumor, oncology, lymphoma, carcinoma
Drug development: molecule, antibody, inhibitor, drug, therapeutic, therapy, preclinical, pre-clinical
Patients and hospitals: hospital, patient, surgery, surgeon, physician, procedure, doctor, clinic, medical, healthcare,
 surgical, outpatient
Dental practices: dentist, dental, orthodontist, aligner
Oil and gas production: oil, drilling, drill, rig, barrel, shale, basin, wellhead, BOE, BCF, new well
Oil prices: oil price, WTI, Brent, crude
Natural gas: natural gas, gas, LNG
Energy transition: hydrogen, carbon, emission, CO2, climate, decarbonization, decarbonize, net-zero, renewable,
 energy transition, clean energy, ESG
Wind and solar power: wind, solar, turbine, offshore, onshore, megawatt, gigawatt, battery storage
Power markets: electricity, power price, power market, grid, transmission
Utility rates: rate base, rate case, utility, ratepayer
Metals and mining: mining, copper, steel, aluminum, metal, smelter
Crops and fertilizer: fertilizer, potash, phosphate, crop, corn, farmer, soybean
Meat and poultry: chicken, pork, poultry, beef
Loans and credit: loan, credit, mortgage, lending, lend, bank, borrower
Credit losses: default, delinquency, charge-off, NPL, asset quality
Deposits: deposit
Interest rates: interest rate, libor, net interest, NII
Insurance claims: claim, insured, insurance, catastrophe, underwriting, policyholder, reinsurance
Premiums: premium, refund
Leasing and occupancy: lease, leasing, rent, rental, tenant, occupancy
Real estate: property, real estate, square foot, redevelopment
Homes and housing: housing, homebuyer, homebuilder, homebuilding, new community, home sale, new home
Construction: construction, cement, concrete, infrastructure, contractor
Freight and logistics: freight, ocean, cargo, trucking, logistics, airfreight
Aviation and aerospace: aviation, aircraft, aerospace, airline, airframer, Boeing, Airbus, jet
Automotive: auto, automotive, vehicle, car, OEM, tire
Travel: travel, hotel, tourism, hospitality
Restaurants: restaurant, dining, food service, foodservice
Food and beverages: food, beverage, beer, grocery, snack, chocolate, candy
Media and audiences: content, audience, media, broadcast, streaming, television, TV
Sports: sport, NFL, NCAA, football
Broadband and wireless: 5G, fiber, broadband, wireless, telecom
Chips and electronics: semiconductor, chip, wafer, quartz, electronics
Seasonality: season, seasonal, seasonality, holiday, Halloween, Christmas, Easter
Weather: weather, winter, storm, hurricane, snow
Security: security, cyber, cybersecurity
Projects: project, roadmap, milestone
Partnerships: partner, partnership, collaboration, alliance, joint venture, relationship
Contracts: contract, tender, bid, award
Portfolio: portfolio
Strategy and transformation: strategy, strategic, transformation, transform, lean
Schools and education: school, university, student, education, classroom
Schedules and delays: schedule, delay, deadline, timeline, calendar
Distribution channels: channel, wholesale, distributor, retailer, wholesaler
"""

_WIDE = """
Financial results: revenue, sale, earnings, EPS, income, margin, EBITDA, expense, tax, cash, net, GAAP, cent, profit,
 cost, basis point, gross, adjusted, loss, debt, dividend, sequentially, receivable, inventory
Business performance and outlook: market, demand, competitor, price, economy, pandemic, COVID, recovery, crisis, volume,
 environment, industry, country, region, consumer, customer, uncertainty, supply, trend, invest, investment, capital,
 strategy, strategic, capability, acquisition, long-term, opportunity, portfolio, transformation, asset, value, product,
 brand, service, technology, platform, solution, design, launch, quality, operation, team, employee, plant, production,
 project, process, capacity, site, facility, people, expect, outlook, forecast, guidance, future, growth, visibility,
 forward, anticipate, business, quarter, year, month, company, half, plan, progress, result, impact, term, side, grow
"""


@dataclass(frozen=True)
class Subject:
    """A heading and the terms by which texts on it are known."""

    heading: str
    terms: frozenset[Term]


def _subjects(listed: str) -> tuple[Subject, ...]:
    lines = listed.strip().replace("\n ", " ").splitlines()
    pairs = (line.split(": ", maxsplit=1) for line in lines)
    return tuple(
        Subject(heading, frozenset(tuple(map(normal, term.split())) for term in terms.split(", ")))
        for heading, terms in pairs
    )


SUBJECTS = _subjects(_SUBJECTS)
FINANCIAL, GENERAL = _subjects(_WIDE)
"""Headings for texts that are about no one subject: vague, but not wrong."""

SUBJECTS_OF: dict[Term, tuple[int, ...]] = {
    term: tuple(i for i, s in enumerate(SUBJECTS) if term in s.terms)
    for term in {t for s in SUBJECTS for t in s.terms}
}
"""The places in SUBJECTS of those that a term belongs to."""
