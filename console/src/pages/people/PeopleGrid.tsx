import { Checkbox, theme } from "antd";
import { memo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Line } from "./Line";
import { nameOf, pathOf, type Person } from "./person";
import { PersonFace } from "./PersonFace";
import { useRows, useWidth } from "./virtual";

const MIN_WIDTH = 148;
const GAP = 12;
const TEXT_HEIGHT = 56;

/** People of a list, and what can be done with them. */
export interface Shown {
  people: Person[];
  selected: ReadonlySet<string>;
  /** Left out for who can't do anything with those who are selected. */
  onSelect?: (id: string, isSelected: boolean) => void;
  /** Called when the end comes near. */
  onEnd: () => void;
}

/** People as a grid of faces. */
export function PeopleGrid({ people, selected, onSelect, onEnd }: Shown) {
  const { t } = useTranslation("people");
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const columns = Math.max(2, Math.floor((width + GAP) / (MIN_WIDTH + GAP)));
  const side = Math.max(80, Math.floor((width - GAP * (columns - 1)) / columns));
  const { total, visible } = useRows(box, Math.ceil(people.length / columns), side + TEXT_HEIGHT + GAP, onEnd);
  return (
    <div ref={box} role="list" aria-label={t("list.label")} style={{ position: "relative", height: total }}>
      {width > 0 &&
        visible.map(({ index, offset }) => (
          <GridRow
            key={index}
            people={people}
            from={index * columns}
            to={(index + 1) * columns}
            offset={offset}
            side={side}
            selected={selected}
            onSelect={onSelect}
          />
        ))}
    </div>
  );
}

interface Row extends Omit<Shown, "onEnd"> {
  from: number;
  to: number;
  /** Pixels from the beginning of the grid. */
  offset: number;
  side: number;
}

/** A row of the grid; one that stays in sight is not made again while the page is scrolled. */
const GridRow = memo(function GridRow({ people, from, to, offset, side, selected, onSelect }: Row) {
  const place = { position: "absolute", insetInline: 0, top: 0, transform: `translateY(${offset}px)` } as const;
  return (
    <div role="presentation" style={{ ...place, display: "flex", gap: GAP }}>
      {people.slice(from, to).map((person, column) => (
        <div
          key={person.id}
          role="listitem"
          aria-setsize={people.length}
          aria-posinset={from + column + 1}
          style={{ position: "relative", width: side }}
        >
          <Tile person={person} side={side} isSelected={selected.has(person.id)} />
          {onSelect && <SelectPerson person={person} isSelected={selected.has(person.id)} onSelect={onSelect} />}
        </div>
      ))}
    </div>
  );
});

function Tile({ person, side, isSelected }: { person: Person; side: number; isSelected: boolean }) {
  const { token } = theme.useToken();
  const name = nameOf(person);
  const second = person.tags.length > 0 ? person.tags.join(" · ") : person.externalId;
  return (
    <>
      <Link to={pathOf(person.libraryId, person.id)} aria-label={name} style={{ display: "block", color: token.colorText }}>
        <div
          aria-hidden
          style={{
            height: side,
            borderRadius: token.borderRadius,
            outline: isSelected ? `3px solid ${token.colorPrimary}` : undefined,
            outlineOffset: -1,
          }}
        >
          <PersonFace person={person} size={side} />
        </div>
        <Line text={name} isStrong style={{ marginTop: 4 }} />
      </Link>
      <Line text={second} isQuiet />
    </>
  );
}

function SelectPerson({ person, isSelected, onSelect }: { person: Person; isSelected: boolean; onSelect: NonNullable<Shown["onSelect"]> }) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  return (
    <span
      style={{
        position: "absolute",
        top: 4,
        insetInlineStart: 4,
        padding: "2px 6px",
        borderRadius: token.borderRadius,
        background: token.colorBgElevated,
        boxShadow: token.boxShadowTertiary,
      }}
    >
      <Checkbox
        checked={isSelected}
        onChange={({ target }) => onSelect(person.id, target.checked)}
        aria-label={t("select.one", { name: nameOf(person) })}
      />
    </span>
  );
}
