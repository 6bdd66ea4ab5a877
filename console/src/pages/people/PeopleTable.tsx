import { Checkbox, Tag, theme } from "antd";
import { memo, type ReactNode, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Moment } from "../../common/time";
import { HiddenText } from "./HiddenText";
import { Line } from "./Line";
import type { Shown } from "./PeopleGrid";
import { nameOf, pathOf, type Person } from "./person";
import { PersonFace } from "./PersonFace";
import { useRows, useWidth } from "./virtual";

const ROW_HEIGHT = 56;
const HEADER_TOP = 56;
const SHOWN_TAGS = 3;

type Column = "name" | "externalId" | "customerNumber" | "tags" | "createdAt";

/** Columns from a width of the table on, in pixels, and their shares of it. */
const COLUMNS: { column: Column; from: number; width: string }[] = [
  { column: "name", from: 0, width: "minmax(0, 2fr)" },
  { column: "externalId", from: 460, width: "minmax(0, 1.4fr)" },
  { column: "customerNumber", from: 1100, width: "minmax(0, 1.2fr)" },
  { column: "tags", from: 640, width: "minmax(0, 2fr)" },
  { column: "createdAt", from: 820, width: "160px" },
];

/** People as a table. */
export function PeopleTable({ people, selected, onSelect, onEnd }: Shown) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const { total, visible } = useRows(box, people.length, ROW_HEIGHT, onEnd);
  const columns = useMemo(() => COLUMNS.filter(({ from }) => width >= from), [width]);
  const line = useLine(columns, onSelect !== undefined);
  const header = { position: "sticky", top: HEADER_TOP, zIndex: 2, background: token.colorBgContainer, fontWeight: 600 } as const;
  return (
    <div
      role="table"
      aria-label={t("list.label")}
      aria-rowcount={people.length + 1}
      style={{ background: token.colorBgContainer, borderRadius: token.borderRadius }}
    >
      <div role="row" aria-rowindex={1} style={{ ...line, height: 40, ...header }}>
        {onSelect && (
          <span role="columnheader">
            <HiddenText text={t("select.column")} />
          </span>
        )}
        <span role="columnheader">
          <HiddenText text={t("fields.face")} />
        </span>
        {columns.map(({ column }) => (
          <span key={column} role="columnheader">
            {t(`fields.${column}`)}
          </span>
        ))}
      </div>
      <div ref={box} role="rowgroup" style={{ position: "relative", height: total }}>
        {visible.map(({ index, offset }) => {
          const person = people[index];
          return person ? (
            <TableRow
              key={person.id}
              person={person}
              number={index + 2}
              offset={offset}
              columns={columns}
              isSelected={selected.has(person.id)}
              onSelect={onSelect}
            />
          ) : null;
        })}
      </div>
    </div>
  );
}

function useLine(columns: typeof COLUMNS, hasSelection: boolean) {
  const { token } = theme.useToken();
  const template = [hasSelection ? "28px" : null, "44px", ...columns.map(({ width }) => width)].filter(Boolean).join(" ");
  return {
    display: "grid",
    gridTemplateColumns: template,
    columnGap: 12,
    alignItems: "center",
    paddingInline: 12,
    borderBottom: `1px solid ${token.colorBorderSecondary}`,
  };
}

interface Row {
  person: Person;
  /** Number of the row in the table, from 1 for the header. */
  number: number;
  /** Pixels from the first row. */
  offset: number;
  columns: typeof COLUMNS;
  isSelected: boolean;
  onSelect: Shown["onSelect"];
}

/** A row of the table; one that stays in sight is not made again while the page is scrolled. */
const TableRow = memo(function TableRow({ person, number, offset, columns, isSelected, onSelect }: Row) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  const line = useLine(columns, onSelect !== undefined);
  const place = { position: "absolute", insetInline: 0, top: 0, transform: `translateY(${offset}px)` } as const;
  return (
    <div
      role="row"
      aria-rowindex={number}
      style={{ ...line, ...place, height: ROW_HEIGHT, background: isSelected ? token.controlItemBgActive : undefined }}
    >
      {onSelect && (
        <span role="cell">
          <Checkbox
            checked={isSelected}
            onChange={({ target }) => onSelect(person.id, target.checked)}
            aria-label={t("select.one", { name: nameOf(person) })}
          />
        </span>
      )}
      <span role="cell">
        <PersonFace person={person} size={44} />
      </span>
      {columns.map(({ column }) => (
        <span key={column} role="cell" style={{ minWidth: 0, overflow: "hidden" }}>
          <Cell person={person} column={column} isNarrow={columns.length === 1} />
        </span>
      ))}
    </div>
  );
});

function Cell({ person, column, isNarrow }: { person: Person; column: Column; isNarrow: boolean }): ReactNode {
  const name = nameOf(person);
  if (column === "name") {
    return (
      <>
        <Link to={pathOf(person.libraryId, person.id)}>
          <Line text={name} />
        </Link>
        {isNarrow && <Line text={[person.externalId, ...person.tags].filter(Boolean).join(" · ")} isQuiet />}
      </>
    );
  }
  if (column === "tags") {
    return (
      <Line text={person.tags.join(" · ")}>
        {person.tags.slice(0, SHOWN_TAGS).map((tag) => (
          <Tag key={tag} style={{ marginInlineEnd: 4 }}>
            {tag}
          </Tag>
        ))}
        {person.tags.length > SHOWN_TAGS && `+${person.tags.length - SHOWN_TAGS}`}
      </Line>
    );
  }
  if (column === "createdAt") {
    return (
      <span className="number">
        <Moment at={person.createdAt} />
      </span>
    );
  }
  return <Line text={person[column]} />;
}
