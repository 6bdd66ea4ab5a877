import { PlusOutlined } from "@ant-design/icons";
import { Button, Flex, Input, Skeleton } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { AppChoice } from "../../common/AppChoice";
import { useCursor } from "../../common/cursor";
import { Page } from "../../common/Page";
import { FailurePanel, Nothing } from "../../common/states";
import { LibraryCard } from "./LibraryCard";
import { CopyLibrary, CreateLibrary, EditLibrary } from "./LibraryForm";
import { useLibraryRemoval } from "./removal";

const PAGE_SIZE = 24;
const TYPING_MS = 350;

type Library = Schema<"ShownLibrary">;
type Dialog = { kind: "create" } | { kind: "edit" | "copy"; library: Library };

/** The libraries, with their numbers. */
export default function LibrariesPage() {
  const { t } = useTranslation("libraries");
  const { canWork, seesAllApps } = usePermissions();
  const [typed, setTyped] = useState("");
  const [name, setName] = useState("");
  const [app, setApp] = useState<string>();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const { remove } = useLibraryRemoval();
  useEffect(() => {
    const timer = setTimeout(() => setName(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const list = useCursor<Library>(["libraries", name, app], (cursor) =>
    dataOf(api.GET("/libraries", { params: { query: { name: name || undefined, appId: app, limit: PAGE_SIZE, cursor } } })),
  );
  const isFiltered = name !== "" || app !== undefined;
  const create = (
    <Button type="primary" icon={<PlusOutlined />} onClick={() => setDialog({ kind: "create" })}>
      {t("form.create")}
    </Button>
  );
  return (
    <Page title={t("title")} about={t("about")} actions={canWork && create}>
      <Flex gap={8} wrap>
        <Input.Search
          allowClear
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
          onSearch={(text) => setName(text.trim())}
          placeholder={t("list.search")}
          aria-label={t("list.search")}
          style={{ flex: "1 1 220px", maxWidth: 360 }}
        />
        {seesAllApps && (
          <AppChoice
            allowClear
            value={app}
            onChange={setApp}
            placeholder={t("list.app")}
            aria-label={t("list.app")}
            style={{ flex: "0 1 200px", minWidth: 160 }}
          />
        )}
      </Flex>
      {list.error && <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && (
        <Nothing text={t(isFiltered ? "list.noMatch" : canWork ? "list.empty" : "list.emptyForViewers")}>
          {canWork && !isFiltered && create}
        </Nothing>
      )}
      <div
        style={{ display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(min(320px, 100%), 1fr))", gap: 16 }}
        aria-busy={list.isPending}
      >
        {list.isPending && [1, 2, 3].map((key) => <Skeleton key={key} active />)}
        {list.items.map((library) => (
          <LibraryCard
            key={library.id}
            library={library}
            onEdit={() => setDialog({ kind: "edit", library })}
            onCopy={() => setDialog({ kind: "copy", library })}
            onDelete={(numbers) => remove(library, numbers)}
          />
        ))}
      </div>
      {list.hasNextPage && <More isBusy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()} />}
      {dialog?.kind === "create" && <CreateLibrary onClose={() => setDialog(null)} />}
      {dialog?.kind === "edit" && <EditLibrary library={dialog.library} onClose={() => setDialog(null)} />}
      {dialog?.kind === "copy" && <CopyLibrary library={dialog.library} onClose={() => setDialog(null)} />}
    </Page>
  );
}

function More({ isBusy, onMore }: { isBusy: boolean; onMore: () => void }) {
  const { t } = useTranslation();
  return (
    <Button loading={isBusy} onClick={onMore} style={{ alignSelf: "center" }}>
      {t("more")}
    </Button>
  );
}
