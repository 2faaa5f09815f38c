"""Headings that analysts use for the subjects of earnings calls, in any industry.

Belongs here: general headings only: no firm, product, place, period, or direction. A topic or theme may get one whose
words it uses, though not in a row; `candidates` says when.
"""

from __future__ import annotations

from ftm_assets.methods.text.tokens import words

_JOINTS = frozenset({"and", "of", "for", "in", "the", "to"})

_HEADINGS = """
    access to capital | account receivables | acquisition integration | acquisition pipeline | acquisitions
    | adjusted earnings | adjusted EBITDA | adoption rates | advertising revenue | advertising spending
    | aerospace demand | aftermarket sales | air travel demand | aircraft deliveries | aircraft orders
    | airline customers | apparel sales | asset quality | asset sales | auto parts | automotive demand
    | average order value | average selling prices | backlog | balance sheet | balance sheet and liquidity
    | bank loans | beverage sales | biosimilars | board of directors | bond issuance | bookings | borrowing base
    | brand awareness | brand marketing | brand portfolio | budget and spending | building permits | business model
    | business segments | business travel | cancer treatment | capacity additions | capacity utilization
    | capital allocation | capital expenditures | capital markets | capital raising | capital requirements
    | capital returns | capital structure | carbon emissions | cash and liquidity | cash balance | cash burn
    | cash conversion | cash flow | cash position | catastrophe losses | channel inventory | chip demand
    | chip design | claims experience | claims frequency | client retention | clinical data | clinical development
    | clinical program | clinical trial design | clinical trial enrollment | clinical trial results
    | clinical trials | cloud computing | cloud migration | cloud services | collaboration agreements
    | combined ratio | commercial launch | commercial real estate | commercial strategy | commodity costs
    | commodity prices | company culture | comparable sales | competition | competitive landscape
    | competitive position | construction activity | construction costs | consumer behavior | consumer confidence
    | consumer demand | consumer spending | content production | contract awards | contract renewals
    | contract terms | core business | corporate costs | corporate governance | corporate strategy | cost control
    | cost inflation | cost of capital | cost of goods sold | cost reduction program | cost savings | cost structure
    | cost synergies | COVID-19 impact | COVID-19 response | COVID-19 testing | COVID-19 vaccine | credit facility
    | credit losses | credit quality | crop nutrient demand | crop prices | cross-selling | customer acquisition
    | customer adoption | customer base | customer behavior | customer concentration | customer demand
    | customer engagement | customer experience | customer loyalty | customer relationships | customer retention
    | customer satisfaction | customer service | customer surveys | customers and contracts | cybersecurity
    | data and analytics | data centers | data privacy | dealer inventory | dealers | debt and leverage
    | debt covenants | debt maturities | debt refinancing | debt repayment | defense programs | defense spending
    | deferred revenue | delivery times | demand and pricing | demand and supply | demand outlook | deposit costs
    | development pipeline | development projects | diagnostic testing | digital channels | digital marketing
    | digital transformation | distribution centers | distribution channels | distribution network | dividend policy
    | dividends | dividends and buybacks | drilling activity | drilling and completion costs | drug discovery
    | drug pricing | e-commerce | e-commerce sales | earnings outlook | earnings per share | economic conditions
    | economic outlook | efficacy and safety | election and policy | electric vehicles | employee compensation
    | employee engagement | employee health and safety | employees and culture | end markets | energy costs
    | energy demand | energy efficiency | energy storage | energy transition | environmental and social goals
    | equity investments | equity offering | exclusivity and patents | executive compensation | exploration
    | export markets | facility closures | facility expansion | farm income | FDA approval | FDA submission
    | fee income | field operations | financial flexibility | financial guidance | financial results
    | financing costs | fleet utilization | food service | foreign exchange | foreign exchange impact
    | franchise agreements | franchisees | free cash flow | freight and shipping costs | freight rates | fuel costs
    | full-year guidance | full-year outlook | fundraising | gaming | gas prices | gas production | gene therapy
    | geographic expansion | geographic mix | go-to-market strategy | government contracts | government funding
    | government relief programs | government spending | grocery sales | gross bookings | gross margin
    | gross profit | hardware and software | headcount | headcount and hiring | health care costs | health insurance
    | hedging | higher education | hiring and retention | holiday season | home furnishings | home prices
    | homebuilding | hospital admissions | hospital customers | hotel occupancy | housing demand
    | impairment charges | industrial demand | industry consolidation | industry outlook | industry trends
    | inflation | information technology | infrastructure projects | innovation | input costs | insurance claims
    | insurance coverage | insurance pricing | insurance renewals | intellectual property | interest expense
    | interest income | interest rates | international expansion | international markets | international sales
    | inventory | inventory levels | inventory management | investment income | investment portfolio
    | investment program | investment returns | investments in technology | IT spending | joint ventures
    | labor availability | labor costs | land acquisition | lead times | leadership changes | leadership team
    | lease accounting | lease renewals | leasing activity | legal expenses | leverage ratio | license agreement
    | licensing revenue | liquidity | litigation | loan deferrals | loan demand | loan losses | loan portfolio
    | local communities | logistics costs | long-term contracts | long-term strategy | long-term targets
    | loss reserves | loyalty program | machine learning | maintenance costs | management changes
    | manufacturing capacity | manufacturing efficiency | manufacturing operations | margin outlook | margins
    | margins by segment | market access | market conditions | market expansion | market opportunity
    | market research | market share | market size | marketing campaigns | marketing spending | medical devices
    | medical procedures | merger and acquisition strategy | merger approval | mergers and acquisitions
    | metals prices | milestone payments | mobile app | mobile network | monthly active users | mortgage lending
    | natural gas prices | net debt | net income | net interest margin | net loss | network capacity
    | network expansion | new business | new contracts | new customers | new markets | new orders
    | new product launches | new products | new store openings | offshore wind | oil and gas production | oil prices
    | oil production | omnichannel | oncology | online orders | online sales | operating cash flow | operating costs
    | operating efficiency | operating expenses | operating income | operating leverage | operating margin
    | operating performance | operational efficiency | order backlog | order intake | order volume | organic growth
    | organizational structure | overhead costs | packaging | packaging demand | partner network | partnerships
    | partnerships and collaborations | passenger traffic | patent protection | patient enrollment
    | patient outcomes | patient population | patient safety | patients and physicians | pay cuts and furloughs
    | payer coverage | payment terms | pension obligations | permits and approvals | phase 2 study | phase 3 study
    | physicians and hospitals | plant closures | plant maintenance | plant operations | political advertising
    | power generation | power prices | preclinical data | premium pricing | premiums written | prescription volume
    | price increases | pricing | pricing and volume | pricing environment | pricing strategy
    | prior-year comparison | private label | product adoption | product availability | product categories
    | product demand | product development | product innovation | product launches | product mix | product portfolio
    | product quality | product roadmap | production capacity | production costs | production outlook
    | production volumes | productivity | productivity improvements | professional services | profit margins
    | profitability | profitability targets | project costs | project delays | project financing | project pipeline
    | project schedule | promotional activity | property portfolio | property taxes | quarterly results
    | raw material costs | real estate | recurring revenue | recycling | regional performance | regulation
    | regulatory approval | regulatory submission | reimbursement | reinsurance | remote working | renewable energy
    | rent collections | rental rates | reorganization | research and development
    | research and development spending | reserve development | restaurant reopening | restaurant sales
    | restructuring | restructuring charges | retail customers | retail stores | retention rates | return on capital
    | return on equity | return on investment | revenue | revenue and earnings | revenue by segment
    | revenue guidance | revenue mix | revenue outlook | revenue recognition | revenue synergies | rig count
    | risk management | royalties | royalty revenue | safety | safety and health | safety data | safety performance
    | sales and marketing | sales by category | sales by region | sales by segment | sales channels | sales force
    | sales guidance | sales outlook | sales pipeline | sales productivity | sales to distributors | sales trends
    | sales volume | same-store sales | satellite services | school reopening | seasonality | segment margins
    | segment profit | segment results | segment revenue | selling expenses | semiconductor supply
    | sequencing demand | service centers | service contracts | service offering | service quality | service revenue
    | share count | share issuance | share repurchases | share-based compensation | shareholder returns
    | shareholders | shipments | shipping capacity | site selection | social distancing | software development
    | software platform | software subscriptions | solvency capital | spending by customers | stimulus payments
    | store closures | store formats | store network | store openings | store operations | store productivity
    | store remodels | store traffic | strategic partnerships | strategic priorities | strategic review | streaming
    | subscriber additions | subscription revenue | subscriptions | supplier negotiations | supplier relationships
    | supply agreement | supply and demand balance | supply chain | supply chain disruption | supply constraints
    | sustainability | sustainability goals | synergies | talent and culture | tariffs | tariffs and trade
    | tax benefits | tax rate | taxes | technology adoption | technology development | technology investments
    | technology platform | telecommunications | telehealth | tenant mix | terms of the transaction | test volumes
    | topline results | trade policy | trading volumes | training | transaction closing | transaction costs
    | transaction volumes | transportation costs | travel and leisure | treatment options | treatment outcomes
    | turnaround plan | underwriting | underwriting profit | unit economics | unit sales | used vehicle prices
    | user engagement | user growth | utilization rates | vaccine development | value proposition | vehicle demand
    | vehicle production | vehicle sales | vendors and suppliers | volume and mix | wages | warehouse capacity
    | warranty costs | weather impact | website traffic | wells and drilling | wholesale channel
    | wind and solar projects | wireless network | work from home | workforce | workforce reduction
    | workforce safety | working capital | write-downs | yield
"""

HEADINGS: dict[str, frozenset[str]] = {
    heading: frozenset(words(heading)) - _JOINTS
    for heading in (" ".join(part.split()) for part in _HEADINGS.split("|"))
}
"""Heading → the normal forms of its words."""

GENERAL = (
    "Business model", "Business performance", "Capital and financing", "Competition", "Costs and margins",
    "Customers and demand", "Data and technology", "Economic environment", "Employees and organization",
    "Financial outlook", "Financial results", "Industry trends", "Investments", "Market conditions",
    "Operations", "Product development", "Products and markets", "Projects and timing", "Regulation and policy",
    "Research and clinical development", "Risks and uncertainty", "Sales and revenue",
    "Strategy and priorities", "Supply and production", "Transactions and partnerships",
)  # fmt: skip
"""What a topic too mixed for any other name may be called: vague, but true."""
