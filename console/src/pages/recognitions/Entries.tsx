import { ReloadOutlined } from "@ant-design/icons";
import { Button, Card, Flex, Segmented } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { api, dataOf } from "../../api/client";
import { useCursor } from "../../common/cursor";
import { type Range, RangeInput } from "../../common/RangeInput";
import { FailurePanel, Nothing, Waiting } from "../../common/states";
import { EntryCard } from "./EntryCard";
import { EntryDrawer } from "./EntryDrawer";
import { NameEntry } from "./NameForm";
import { PersonSelect } from "./PersonSelect";
import type { Entry } from "./recognitions";

const PAGE = 24;
const KINDS = ["all", "known", "unknown"] as const;
type Kind = (typeof KINDS)[number];
const ANY_TIME: Range = [null, null];

/** The logged recognitions of a library as cards, the latest first. */
export function Entries({ library }: { library: string }) {
  const { t } = useTranslation("recognitions");
  const { t: common } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const [range, setRange] = useState<Range>(ANY_TIME);
  const [opened, setOpened] = useState<Entry | null>(null);
  const [named, setNamed] = useState<Entry | null>(null);
  const kind = KINDS.find((known) => known === parameters.get("known")) ?? "all";
  const person = parameters.get("person");
  const query = {
    limit: PAGE,
    ...(kind === "all" ? {} : { known: kind === "known" }),
    ...(person ? { personId: person } : {}),
    ...(range[0] ? { from: range[0].toISOString() } : {}),
    ...(range[1] ? { to: range[1].toISOString() } : {}),
  };
  const list = useCursor<Entry>(["recognitions", library, query], (cursor) =>
    dataOf(api.GET("/libraries/{library}/recognitions", { params: { path: { library }, query: { ...query, cursor } } })),
  );
  const isFiltered = kind !== "all" || person !== null || (range[0] ?? range[1]) !== null;
  const change = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(parameters);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setParameters(next, { replace: true });
  };
  const clear = () => {
    setRange(ANY_TIME);
    change({ known: null, person: null });
  };
  return (
    <Flex vertical gap={16}>
      <Card size="small" role="search" aria-label={t("filter.label")}>
        <Flex gap={8} wrap>
          <Segmented<Kind>
            value={kind}
            aria-label={t("filter.kind")}
            onChange={(next) => change({ known: next === "all" ? null : next })}
            options={KINDS.map((value) => ({ value, label: t(`filter.${value}`) }))}
          />
          <PersonSelect library={library} value={person} onChange={(next) => change({ person: next })} />
          <RangeInput hasTime isOptional value={range} onChange={setRange} />
          <Button
            icon={<ReloadOutlined />}
            loading={list.isRefetching && !list.isFetchingNextPage}
            onClick={() => void list.refetch()}
          >
            {common("refresh")}
          </Button>
        </Flex>
      </Card>
      {list.error && <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending ? (
        <Waiting />
      ) : list.items.length > 0 ? (
        <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 168px), 1fr))" }}>
          {list.items.map((entry) => (
            <EntryCard key={entry.id} entry={entry} onOpen={() => setOpened(entry)} onName={() => setNamed(entry)} />
          ))}
        </div>
      ) : (
        !list.error && (
          <Nothing text={t(isFiltered ? "nothingFound" : "nothing")}>
            {isFiltered && <Button onClick={clear}>{t("filter.clear")}</Button>}
          </Nothing>
        )
      )}
      {list.hasNextPage && (
        <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} style={{ alignSelf: "center" }}>
          {common("more")}
        </Button>
      )}
      {opened && (
        <EntryDrawer
          entry={opened}
          onClose={() => setOpened(null)}
          onName={() => {
            setNamed(opened);
            setOpened(null);
          }}
        />
      )}
      {named && <NameEntry entry={named} onClose={() => setNamed(null)} />}
    </Flex>
  );
}
